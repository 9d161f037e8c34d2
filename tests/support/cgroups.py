"""What an engine that is killed leaves in the kernel: empty cgroups of the containers it had."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

MOUNTED = Path("/sys/fs/cgroup")


def containers_in(data_root: Path) -> set[str]:
    """The ids of the containers that an engine has, by its files; one that remaps users has a folder more."""
    return {place.name for pattern in ("containers/*", "*/containers/*") for place in data_root.glob(pattern)}


def remove_cgroups(containers: set[str]) -> None:
    """Take them away, in either version; one in which something lives stays."""
    for container in containers:
        for place in (MOUNTED / "docker" / container, *MOUNTED.glob(f"*/docker/{container}")):
            with suppress(OSError):
                place.rmdir()


class ProcessLimit:
    """How many processes and threads some processes and their children may have, as if the host could have no more."""

    def __init__(self, pids: Iterable[int]) -> None:
        hierarchy = MOUNTED / "pids" if (MOUNTED / "pids").is_dir() else MOUNTED
        self._group = hierarchy / f"ccx-test-{uuid4().hex[:8]}"
        self._pids = tuple(pids)

    def __enter__(self) -> Self:
        self._group.mkdir()
        self._move(self._group)
        return self

    def __exit__(self, *error: object) -> None:
        self.lift()
        self._move(self._group.parent)
        self._group.rmdir()

    def full(self) -> None:
        """From now on they can start nothing."""
        # Not what there are now: those that end would make room.
        (self._group / "pids.max").write_text("0")

    def lift(self) -> None:
        """As before."""
        (self._group / "pids.max").write_text("max")

    def _move(self, group: Path) -> None:
        pids = self._pids if group is self._group else map(int, (self._group / "cgroup.procs").read_text().split())
        for pid in pids:
            with suppress(ProcessLookupError):
                (group / "cgroup.procs").write_text(str(pid))
