"""Builds the images of languages from their folders."""
