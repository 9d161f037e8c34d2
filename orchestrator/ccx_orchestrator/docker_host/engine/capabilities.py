"""What an engine must be able to hold a program to, and where it is."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from ccx.errors import CcxError

# The engine's word for each, and ours. It takes a limit that it cannot set without an error, so the limit would be a
# mere wish: nothing is run there.
NEEDED = {"MemoryLimit": "memory", "PidsLimit": "processes"}
REMEDY = (
    "Have the kernel do it: boot with cgroup_enable=memory, or give a rootless engine cgroup version 2 with delegation "
    "of memory and pids."
)


class NoLimits(CcxError):
    """An engine that would run programs without the limits they are given."""


def not_limited(about: Mapping[str, Any]) -> tuple[str, ...]:
    """What an engine that says this of itself does not limit."""
    return tuple(name for word, name in NEEDED.items() if not about.get(word))


def check_limits(about: Mapping[str, Any]) -> None:
    """Raise NoLimits, with the remedy, where an engine that says this of itself is none to run programs on."""
    if lacking := not_limited(about):
        raise NoLimits(f"The Docker engine cannot limit {' and '.join(lacking)}. {REMEDY}")


def is_on_this_host(about: Mapping[str, Any]) -> bool:
    """Whether the files that an engine speaks of are those that are seen here: not from a container, nor of a machine
    whose engine was given a socket here.
    """
    return about.get("Name") == platform.node()
