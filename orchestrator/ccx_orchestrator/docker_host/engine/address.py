"""Where the Docker engine is: what the user says, what the Docker command line uses, or a place where engines of
ordinary users and of desktops listen.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docker.context import ContextAPI
from docker.errors import ContextException, ContextNotFound
from docker.tls import TLSConfig

from ccx.errors import EngineUnavailable

DEFAULT_SOCKET = Path("/var/run/docker.sock")
HOST_VARIABLE = "DOCKER_HOST"
CONTEXT_VARIABLE = "DOCKER_CONTEXT"


@dataclass(frozen=True, slots=True)
class Place:
    """An engine's address, and how it is spoken to there where that is by TLS."""

    address: str
    tls: TLSConfig | None = None


def engine_place(environment: Mapping[str, str] = os.environ, default: Path = DEFAULT_SOCKET) -> Place:
    """`DOCKER_HOST`; the context that `docker context use` or `DOCKER_CONTEXT` chose; the default socket; else the
    first socket that an engine of this user listens on. The default one where there is none.

    Raises EngineUnavailable where `DOCKER_CONTEXT` names no context.
    """
    if named := environment.get(HOST_VARIABLE):
        return Place(named)
    if chosen := _of_context(environment.get(CONTEXT_VARIABLE)):
        return chosen
    if _is_socket(default):
        return Place(f"unix://{default}")
    found = next(filter(_is_socket, places_of(environment)), default)
    return Place(f"unix://{found}")


def places_of(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where engines of one user listen: rootless ones, Docker Desktop, Colima, Rancher Desktop, OrbStack."""
    home = Path(environment.get("HOME") or Path.home())
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return (
        runtime / "docker.sock",
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".rd/docker.sock",
        home / ".orbstack/run/docker.sock",
    )


def _of_context(name: str | None) -> Place | None:
    """That context of the Docker command line, or the one it uses; None for the one called default."""
    try:
        context = ContextAPI.get_context(name)
    except (ContextException, ContextNotFound, OSError, ValueError):
        context = None
    if context is None and name and name != "default":
        raise EngineUnavailable(
            f"There is no Docker context {name!r}, which {CONTEXT_VARIABLE} names: 'docker context ls' shows which are."
        )
    if context is None or context.name == "default" or not context.Host:
        return None
    return Place(str(context.Host), context.TLSConfig)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False
