"""Judgements of what an engine says of itself and its host. Pure, but for a look at the free disk."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ccx_orchestrator.docker_host.engine.capabilities import REMEDY, is_on_this_host, not_limited
from ccx_orchestrator.doctor.finding import Finding, failed, ok, warning

OLDEST_ENGINE = (20, 10)
GIB = 1 << 30
LOW_DISK_BYTES = 5 * GIB
LEAST_DISK_BYTES = GIB
CLOCK_SECONDS = 2.0
SLOW_STORAGE = {
    "vfs": "copies the whole image for every sandbox",
    "devicemapper": "is slow and no longer looked after",
    "aufs": "is slow and no longer looked after",
}


def look(about: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    """All that can be said without running anything."""
    yield _version(str(about.get("ServerVersion", "")))
    yield _cgroups(about)
    yield _seccomp(about)
    yield _privileges(about)
    yield ok("runtimes", f"{', '.join(sorted(about.get('Runtimes') or {}))}; {about.get('DefaultRuntime')} by default")
    yield _storage(str(about.get("Driver", "")))
    yield _disk(Path(about.get("DockerRootDir") or "/nowhere"), is_here=is_on_this_host(about))
    yield _clock(str(about.get("SystemTime", "")), now)


def _version(version: str) -> Finding:
    found = re.match(r"([0-9]+)\.([0-9]+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_ENGINE:
        remedy = "Upgrade Docker to 20.10 or later: older ones are untested."
        return warning("engine", f"Docker {version} answers", remedy)
    return ok("engine", f"Docker {version} answers")


def _cgroups(about: Mapping[str, Any]) -> Finding:
    detail = f"version {about.get('CgroupVersion', '?')}, driver {about.get('CgroupDriver', '?')}"
    if lacking := not_limited(about):
        return failed("cgroups", f"{detail}; the engine cannot limit {' and '.join(lacking)}", REMEDY)
    return ok("cgroups", detail)


def _options(about: Mapping[str, Any]) -> str:
    return " ".join(about.get("SecurityOptions") or ())


def _seccomp(about: Mapping[str, Any]) -> Finding:
    if "seccomp" not in _options(about):
        return failed(
            "seccomp", "the engine has none", "Use a kernel with CONFIG_SECCOMP_FILTER and an engine built with it."
        )
    return ok("seccomp", "the engine has it")


def _privileges(about: Mapping[str, Any]) -> Finding:
    options = _options(about)
    if "name=rootless" in options:
        return ok("privileges", "the engine is rootless: root in a container is an ordinary user of this host")
    if "name=userns" in options:
        return ok("privileges", "the engine remaps users: root in a container is nobody on this host")
    return ok("privileges", "the engine runs as root; remapping users or a rootless engine is safer (docs/security.md)")


def _storage(driver: str) -> Finding:
    if driver in SLOW_STORAGE:
        remedy = "Have the engine store images in overlay2 (storage-driver in daemon.json), on a file system that can."
        return warning("storage", f"{driver}, which {SLOW_STORAGE[driver]}", remedy)
    return ok("storage", driver or "the engine does not say")


def _disk(folder: Path, *, is_here: bool) -> Finding:
    if not is_here or not folder.is_dir():
        return ok("disk", "the engine's is on another host and was not looked at")
    free = shutil.disk_usage(folder).free
    detail, remedy = f"{free / GIB:.1f} GiB free at {folder}", f"Make room at {folder}: `docker system prune` may do."
    if free < LEAST_DISK_BYTES:
        return failed("disk", detail, remedy)
    return warning("disk", detail, remedy) if free < LOW_DISK_BYTES else ok("disk", detail)


def _clock(engine_time: str, now: datetime) -> Finding:
    try:
        ahead = (datetime.fromisoformat(engine_time) - now).total_seconds()
    except ValueError:
        return warning("clock", f"the engine says it is {engine_time!r}", "Upgrade Docker.")
    if abs(ahead) > CLOCK_SECONDS:
        return warning("clock", f"the engine's is {ahead:+.0f} s off", "Synchronise both hosts' clocks (NTP).")
    return ok("clock", "the engine's and this one agree")
