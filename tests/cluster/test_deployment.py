"""What `compose.yaml` describes, brought up on a Docker host of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.errors import NodeUnreachable
from ccx.wire import NodeHealth, Verdict
from tests.cluster.hosts import Host, docker_host
from tests.cluster.test_overflow import run
from tests.node import ccx_command, ccx_environment, eventually

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 120
SERVICES = ("master", "slave-c", "slave-python")  # Java's is like them, and its image takes long to load


@pytest.fixture(scope="module")
def compose_host(node_file: Path, image_files: dict[str, Path]) -> Iterator[Host]:
    with docker_host([node_file, *image_files.values()], has_networks=True) as host:
        yield host


def environment(host: Host) -> dict[str, str]:
    socket = host.engine.removeprefix("unix://")
    group = str(os.stat(socket).st_gid)  # noqa: PTH116
    mine = {"CCX_DOCKER_SOCKET": socket, "CCX_DOCKER_GROUP": group, "CCX_PUBLISH": "8700", "DOCKER_HOST": host.engine}
    return ccx_environment(**mine)


def compose(host: Host, *arguments: str) -> str:
    command = ["docker-compose", "--project-name", "ccx", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(host), check=False, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def composed(host: Host) -> Iterator[None]:
    try:
        compose(host, "up", "--detach", *SERVICES)
        yield
    except BaseException:
        sys.stderr.write(compose(host, "logs", "--no-color"))  # pytest shows it with the test that fails
        raise
    finally:
        compose(host, "down", "--timeout", "30", "--volumes")


async def test_compose_brings_up_a_master_and_selective_slaves(compose_host: Host) -> None:
    with composed(compose_host):
        async with Client(compose_host.url) as client:

            async def are_up() -> bool:
                with suppress(NodeUnreachable):
                    return {"c", "python"} <= {language.name for language in await client.languages()}
                return False

            await eventually(are_up, "the slaves have joined")
            ran = await asyncio.gather(*(run(client, language) for language in ["c", "python"] * 3))
            nodes = await client.nodes()
        by_file = await asyncio.to_thread(
            subprocess.run,
            ccx_command("run", ROOT / "examples/hello.c", "--server", compose_host.url, "--quiet"),
            check=True,
            capture_output=True,
            env=ccx_environment(),
            timeout=COMMAND_SECONDS,
        )
        _assert_is_confined(compose_host)
    assert {(one.verdict, one.language, one.node) for one in ran} == {
        (Verdict.OK, "c", "compose-c"),
        (Verdict.OK, "python", "compose-python"),
    }
    assert {node.health for node in nodes} == {NodeHealth.OK}
    assert b"ello" in by_file.stdout


def _assert_is_confined(host: Host) -> None:
    """No node is privileged, has a capability or can write to its own files; the master has no Docker socket."""
    ids = compose(host, "ps", "--quiet").split()
    found = json.loads(
        subprocess.run(
            ["docker", "inspect", *ids], check=True, capture_output=True, env=environment(host), timeout=COMMAND_SECONDS
        ).stdout
    )
    assert len(found) == len(SERVICES)
    for container in found:
        settings = container["HostConfig"]
        assert not settings["Privileged"]
        assert settings["CapDrop"] == ["ALL"]
        assert settings["ReadonlyRootfs"]
        assert settings["Memory"] > 0
        assert settings["NetworkMode"] != "host"
        has_socket = any("docker.sock" in bind for bind in settings["Binds"] or ())
        assert has_socket == ("master" not in container["Name"])
