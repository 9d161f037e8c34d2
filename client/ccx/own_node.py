"""The node that a user has running in the background: where it is, and whether it is there.

It is behind a Unix socket in a folder that nobody else may enter: in the user's runtime directory, which the system
empties when the user logs out, or where there is none with the user's state. `CCX_RUNTIME_DIR` names another folder.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from pydantic import BaseModel, ValidationError

from ccx.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER_VARIABLE = "CCX_RUNTIME_DIR"


class OwnNode(BaseModel):
    """What such a node has written down of itself."""

    pid: int
    version: str
    name: str
    slots: int
    socket: Path
    log: Path


def folder() -> Path:
    """Where it keeps its socket, its state and its log."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "ccx"
    return platformdirs.user_state_path("ccx") / "own-node"


def description(of: Path) -> Path:
    """The file in that folder in which it tells of itself."""
    return of / "node.json"


def this_version() -> str:
    """Of the ccx that runs: a node of another one is not used without being named."""
    try:
        return version("ccx")
    except PackageNotFoundError:
        return ""


def find() -> OwnNode | None:
    """The node, if one is there and answers; None for what one that was killed has left."""
    place = folder()
    if not _is_private(place):
        return None
    try:
        found = OwnNode.model_validate_json(description(place).read_bytes())
    except (OSError, ValidationError):
        return None
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(str(found.socket))
        return found
    return None


@contextmanager
def locked(place: Path) -> Iterator[bool]:
    """Have the folder's lock, which a node holds for as long as its process lives; whether it was to be had."""
    import fcntl  # Windows has none, and every command imports this module.

    with (place / "node.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def has_ended(place: Path) -> bool:
    """Whether no process of a node is left there."""
    if not place.exists():
        return True
    with locked(place) as is_ours:
        return is_ours


def make_private(place: Path) -> None:
    """Make the folder, for this user alone. Raises BadInput where somebody else could reach into it."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"{place} cannot be made: {error.strerror}; name another folder in {FOLDER_VARIABLE}."
        ) from error
    if not _is_private(place):
        raise BadInput(
            f"{place} is not yours alone: remove it, or name another folder in {FOLDER_VARIABLE} "
            "(it must be your own, with mode 700)."
        )


def _is_private(place: Path) -> bool:
    try:
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
