"""The image the others are built on: on this host already, or pulled, or made from Debian's packages where no registry
answers.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from ccx.errors import CcxError
from ccx_orchestrator.docker_host.engine.sdk import APIError, DockerClient, DockerException, ImageNotFound

Progress = Callable[[str], None]

log = structlog.get_logger(__name__)

DEFAULT_BASE = "debian:trixie-slim"
SUITE = "trixie"
BOOTSTRAP_SECONDS = 900.0

_SOURCES = """\
deb {mirror} {suite} main
deb {mirror} {suite}-updates main
deb {mirror}-security {suite}-security main
"""
# Debian's own servers may stand in the base, as they are what its tools name by default; a mirror of this host may not.
_FORGET_MIRROR = ': >"$1/etc/apt/sources.list"'
_FORGET_HOST = 'rm -f "$1/etc/resolv.conf" "$1/etc/hostname"'


class BaseImageMissing(CcxError):
    """There is no base image and no way to get it from here."""


def ensure_base_image(client: DockerClient, name: str, environment: Mapping[str, str], progress: Progress) -> None:
    """Have the base image on this host. Raises BaseImageMissing, with the remedy."""
    if _is_here(client, name):
        return
    progress(f"pulling {name}")
    try:
        _pull(client, name)
    except DockerException as error:
        log.info("cannot pull", image=name, error=_explain(error))
        if name != DEFAULT_BASE:
            raise BaseImageMissing(
                f"The base image {name} is not on this host, and no registry gave it: {_explain(error)}"
            ) from error
        progress(f"no registry gave {name}; making it from Debian's packages")
        _bootstrap(client, environment)


def _is_here(client: DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _pull(client: DockerClient, name: str) -> None:
    # With a stream the engine answers 200 at once; what goes wrong later is a line of it.
    lines: Iterator[dict[str, Any]] = client.api.pull(_with_tag(name), stream=True, decode=True)
    for line in lines:
        if error := line.get("error"):
            raise DockerException(error)


def _explain(error: DockerException) -> str:
    return str(error.explanation) if isinstance(error, APIError) else str(error)


def _with_tag(name: str) -> str:
    """Without a tag the engine would pull all of them."""
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in last else f"{name}:latest"


def _bootstrap(client: DockerClient, environment: Mapping[str, str]) -> None:
    repository, _, tag = DEFAULT_BASE.partition(":")
    with tempfile.TemporaryDirectory(prefix="ccx-base-") as folder:
        archive = Path(folder) / "base.tar"
        _run(bootstrap_command(archive, environment.get("APT_MIRROR", "")))
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag)


def bootstrap_command(archive: Path, mirror: str) -> list[str]:
    """How Debian's packages become a root file system. `mirror` is empty, or stands in for Debian's own."""
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=path-exclude=/usr/share/doc/*"]
    command += ["--dpkgopt=force-unsafe-io"]  # what comes out is a file: nobody needs each step of it on the disk
    command += [f"--customize-hook={_FORGET_HOST}"]
    if mirror:
        command += [f"--customize-hook={_FORGET_MIRROR}"]
    command += [SUITE, str(archive)]
    if mirror:
        command += _SOURCES.format(mirror=mirror.rstrip("/"), suite=SUITE).splitlines()
    return command


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOOTSTRAP_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise BaseImageMissing(
            f"No registry gives {DEFAULT_BASE}, and {command[0]}, which could make it, is not installed "
            f"(Debian, Ubuntu: apt install {command[0]})."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise BaseImageMissing(f"{command[0]} did not make {DEFAULT_BASE} within {error.timeout:g} s.") from error
    if done.returncode:
        raise BaseImageMissing(f"{command[0]} could not make {DEFAULT_BASE}: {done.stderr.strip()[-2000:]}")
