"""`ccx doctor`: green on a host that is well, red where a limit is broken on purpose."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.engine_proxy import EngineProxy, Tamper
from tests.support.node import DEADLINE_SECONDS, ccx_command, ccx_environment, containers_with, eventually

pytestmark = pytest.mark.docker

IMAGES = Path(__file__).parents[2] / "images"
LIMITS = {"memory limit", "process limit", "file size limit", "output limit", "CPU time limit", "wall time limit"}

# Of a cluster's node: the doctor has no use for them, and they are not there.
NOBODY, NO_DATABASE = "http://127.0.0.1:9", "postgresql://ccx@127.0.0.1:9/ccx"
Findings = dict[str, dict[str, str]]
# Six limits are passed, each by a program of its own: in Java that takes a busy machine a minute.
DOCTOR_SECONDS = 150.0


async def findings(
    address: str | None = None, seconds: float = DOCTOR_SECONDS, **environment: str
) -> tuple[int, Findings]:
    """The exit status and the findings by name."""
    more = environment | ({"DOCKER_HOST": address} if address else {})
    process = await asyncio.create_subprocess_exec(
        *ccx_command("doctor", "--json"), env=ccx_environment(**more), stdout=subprocess.PIPE
    )
    async with asyncio.timeout(seconds):
        said, _ = await process.communicate()
    report: dict[str, Any] = json.loads(said)
    assert report["ok"] == (process.returncode == 0)
    return process.returncode or 0, {finding["name"]: finding for finding in report["findings"]}


async def test_a_host_that_is_well_is_green(images: None, tmp_path: Path) -> None:
    state = tmp_path / "state"
    status, found = await findings(CCX_STATE_DIR=str(state), CCX_SLAVES=NOBODY, CCX_DATABASE_URL=NO_DATABASE)

    assert status == 0
    assert not await asyncio.to_thread(state.exists)
    assert {name for name, finding in found.items() if finding["status"] == "failed"} == set()
    assert (
        set(found)
        >= {
            *(
                "engine",
                "cgroups",
                "seccomp",
                "privileges",
                "runtimes",
                "storage",
                "disk",
                "clock",
                "timing",
                "runtime speed",
            ),
            *("image c", "image java", "image python", "network", "confinement"),
        }
        | LIMITS
    )
    assert all(finding["detail"] for finding in found.values())
    assert containers_with("ccx.owner=doctor") == []


async def test_what_one_that_was_killed_has_left_is_cleared_away_by_the_next(images: None) -> None:
    process = await asyncio.create_subprocess_exec(*ccx_command("doctor"), stdout=subprocess.DEVNULL)
    await eventually(_has_sandboxes, "it has sandboxes")
    process.kill()
    await process.wait()
    assert await _has_sandboxes()

    await findings()

    assert not await _has_sandboxes()


async def _has_sandboxes() -> bool:
    return bool(await asyncio.to_thread(containers_with, "ccx.owner=doctor"))


@pytest.mark.parametrize("language", ["c", "java"])
async def test_a_host_with_that_language_only_has_its_limits_tried(language: str, images: None, tmp_path: Path) -> None:
    tmp_path.joinpath(language).symlink_to(IMAGES / language)

    status, found = await findings(CCX_IMAGES_DIR=str(tmp_path))

    assert status == 0, found
    assert {name for name in found if name.startswith("image ")} == {f"image {language}"}
    assert set(found) >= LIMITS


async def test_a_node_that_serves_java_only_has_its_limits_tried_and_a_broken_one_is_red(
    images: None, tmp_path: Path
) -> None:
    async with broken(tmp_path, on_host_config(Memory=4 << 30, MemorySwap=4 << 30, PidsLimit=0)) as address:
        status, found = await findings(address, CCX_LANGUAGES="java")

    assert status == 1
    assert {name for name, each in found.items() if each["status"] == "failed"} == {"memory limit", "process limit"}


async def test_a_host_without_a_language_there_is_a_probe_for_is_red_and_told_so(tmp_path: Path) -> None:
    status, found = await findings(CCX_IMAGES_DIR=str(tmp_path))

    assert (status, found["limits"]["status"]) == (1, "failed")
    assert ".java" in found["limits"]["detail"]
    assert "ccx images build" in found["limits"]["remedy"]


@asynccontextmanager
async def broken(folder: Path, tamper: Tamper) -> AsyncIterator[str]:
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    async with EngineProxy(folder / "proxy.sock", engine, tamper).listening() as proxy:
        yield proxy.address


def on_host_config(**changes: Any) -> Tamper:
    """What the engine is made to hear instead of what it was told."""

    def tamper(body: dict[str, Any]) -> dict[str, Any]:
        config = body.get("HostConfig", body)
        config.update({name: value for name, value in changes.items() if body is not config or name in config})
        return body

    return tamper


def with_network(body: dict[str, Any]) -> dict[str, Any]:
    if "HostConfig" in body:
        body["HostConfig"]["NetworkMode"] = "host"
        body.pop("NetworkDisabled", None)
        body.pop("Hostname", None)
    return body


BREAKAGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "memory limit": on_host_config(Memory=4 << 30, MemorySwap=4 << 30),
    "process limit": on_host_config(PidsLimit=0),
    "confinement": on_host_config(SecurityOpt=["no-new-privileges", "seccomp=unconfined"]),
    "network": with_network,
}


@pytest.mark.parametrize("what", BREAKAGES)
async def test_a_limit_that_is_broken_on_purpose_is_red(what: str, images: None, tmp_path: Path) -> None:
    async with broken(tmp_path, BREAKAGES[what]) as address:
        status, found = await findings(address, CCX_LANGUAGES="python")

    assert status == 1
    assert found[what]["status"] == "failed"
    assert found[what]["remedy"]
    assert {name for name, finding in found.items() if finding["status"] == "failed"} == {what}


async def test_a_host_without_an_engine_is_red_and_told_what_to_do(tmp_path: Path) -> None:
    status, found = await findings(f"unix://{tmp_path}/none.sock")

    assert (status, found["engine"]["status"]) == (1, "failed")
    assert "DOCKER_HOST" in found["engine"]["remedy"]


def test_without_json_there_is_a_line_for_each_finding_and_one_for_each_remedy(tmp_path: Path) -> None:
    ended = subprocess.run(
        ccx_command("doctor"),
        env=ccx_environment(DOCKER_HOST=f"unix://{tmp_path}/none.sock"),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stdout.startswith("FAILED   engine: No Docker engine answers")
    assert len(ended.stdout.splitlines()) == 2
