"""What the doctor makes of what an engine says of itself."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ccx_orchestrator.doctor.finding import Status
from ccx_orchestrator.doctor.host import look

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WELL = {
    "ServerVersion": "26.1.5+dfsg1",
    "MemoryLimit": True,
    "PidsLimit": True,
    "CgroupVersion": "2",
    "CgroupDriver": "systemd",
    "SecurityOptions": ["name=seccomp,profile=default"],
    "Runtimes": {"runc": {}},
    "DefaultRuntime": "runc",
    "Driver": "overlay2",
    "DockerRootDir": "/nowhere/to/be/found",
    "SystemTime": "2026-01-01T00:00:01.123456789Z",
}


def statuses(**changes: Any) -> dict[str, Status]:
    return {finding.name: finding.status for finding in look(WELL | changes, NOW)}


def test_a_host_that_is_well_has_nothing_but_ok() -> None:
    assert set(statuses().values()) == {Status.OK}


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        ({"ServerVersion": "19.03.8"}, "engine", Status.WARNING),
        ({"MemoryLimit": False}, "cgroups", Status.FAILED),
        ({"PidsLimit": False}, "cgroups", Status.FAILED),
        ({"SecurityOptions": []}, "seccomp", Status.FAILED),
        ({"SecurityOptions": None}, "seccomp", Status.FAILED),
        ({"SystemTime": "2026-01-01T00:10:00Z"}, "clock", Status.WARNING),
        ({"Driver": "vfs"}, "storage", Status.WARNING),
        ({"SystemTime": "soon"}, "clock", Status.WARNING),
    ],
)
def test_what_is_not_well_is_named(changes: dict[str, Any], name: str, status: Status) -> None:
    assert statuses(**changes)[name] is status
    assert all(finding.remedy for finding in look(WELL | changes, NOW) if finding.status is not Status.OK)


def test_the_disk_is_looked_at_where_it_is_the_engines(tmp_path: Path) -> None:
    def detail(host: str) -> str:
        about = WELL | {"DockerRootDir": str(tmp_path), "Name": host}
        return next(finding.detail for finding in look(about, NOW) if finding.name == "disk")

    assert "GiB free" in detail(platform.node())
    assert "another host" in detail("another.host")


@pytest.mark.parametrize(("option", "word"), [("name=rootless", "rootless"), ("name=userns", "remaps")])
def test_it_is_told_how_far_the_engine_reaches(option: str, word: str) -> None:
    options = ["name=seccomp,profile=default", option]
    details = {finding.name: finding.detail for finding in look(WELL | {"SecurityOptions": options}, NOW)}
    assert word in details["privileges"]
