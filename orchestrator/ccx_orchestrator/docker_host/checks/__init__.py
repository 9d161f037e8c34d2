"""Runs programs to find out whether an image and a container runtime do what they promise."""
