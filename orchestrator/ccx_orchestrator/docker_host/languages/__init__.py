"""The languages of this host: a folder that describes each one, and the image that runs it."""
