"""What an engine that is killed leaves in the kernel: empty cgroups of the containers it had."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

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
