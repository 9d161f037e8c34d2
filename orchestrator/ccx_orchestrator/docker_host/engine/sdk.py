"""The names of the Docker SDK that image builds use. A build is one long blocking piece of work in its own thread,
so it uses the SDK's client as it is, and not `engine.client`.
"""

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound

__all__ = ["APIError", "DockerClient", "DockerException", "ImageNotFound"]
