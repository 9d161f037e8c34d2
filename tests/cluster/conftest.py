"""Docker hosts beside this machine's own, and nodes on them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.cluster.hosts import Host, docker_host, saved_images
from tests.support.node import NodeProcess

ROOT = Path(__file__).parents[2]
BUILD_SECONDS = 800


class StartsSlaves(Protocol):
    """Starts a node on a host that is stopped, and must have left nothing, at the end of the test."""

    def __call__(self, host: Host, *arguments: str, name: str | None = None, **environment: str) -> NodeProcess: ...


@pytest.fixture(scope="session")
def image_files(images: None) -> Iterator[dict[str, Path]]:
    with saved_images(["c", "python"]) as files:
        yield files


@pytest.fixture(scope="session")
def node_file(images: None) -> Iterator[Path]:
    """The image of a node as a file. Where nothing has changed this builds nothing."""
    subprocess.run([ROOT / "scripts/build-node-image.sh"], check=True, timeout=BUILD_SECONDS)
    with saved_images(["node"]) as files:
        yield files["node"]


@pytest.fixture(scope="session")
def proxy_file(images: None) -> Iterator[Path]:
    """The image of the proxy before a Docker socket, as a file."""
    build = ["docker", "build", "--quiet", "--tag", "ccx-socket-proxy", "deploy/socket-proxy"]
    subprocess.run(build, cwd=ROOT, check=True, timeout=BUILD_SECONDS)
    with saved_images(["socket-proxy"]) as files:
        yield files["socket-proxy"]


@pytest.fixture(scope="session")
def makes_hosts(image_files: dict[str, Path]) -> Iterator[Callable[..., Host]]:
    with ExitStack() as hosts:
        yield lambda *languages: hosts.enter_context(docker_host([image_files[name] for name in languages]))


@pytest.fixture(scope="session")
def c_host(makes_hosts: Callable[..., Host]) -> Host:
    """A host with the image of C and no other."""
    return makes_hosts("c")


@pytest.fixture(scope="session")
def python_host(makes_hosts: Callable[..., Host]) -> Host:
    """A host with the image of Python and no other."""
    return makes_hosts("python")


@pytest.fixture(scope="session")
def other_python_host(makes_hosts: Callable[..., Host]) -> Host:
    """One more of those."""
    return makes_hosts("python")


@pytest.fixture
def starts_slaves(suite: str, tmp_path: Path) -> Iterator[StartsSlaves]:
    with ExitStack() as nodes:

        def start(host: Host, *arguments: str, name: str | None = None, **environment: str) -> NodeProcess:
            name = name or f"{suite}-{host.name}"
            return nodes.enter_context(host.node(name, tmp_path, *arguments, **environment))

        yield start
