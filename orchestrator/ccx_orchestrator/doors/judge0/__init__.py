"""The API of Judge0, version 1.13: submissions, languages, and what it tells of itself."""

PATH = "/judge0"
