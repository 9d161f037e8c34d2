"""The one door to a Docker engine: its API, its errors, and what it must be able to do."""
