"""The API of Jobe, version 2, which Moodle's CodeRunner speaks: languages, files, runs."""

PATH = "/jobe/index.php/restapi"
