"""From the words of a command line to a request: files, language, limits, node."""
