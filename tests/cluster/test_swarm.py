"""What `swarm.yaml` describes, deployed on a Swarm of two Docker hosts that have one language each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.errors import NodeUnreachable, Unauthenticated
from ccx.trust import blind_context, fingerprint_of
from ccx.wire import NodeHealth, Submission, Verdict
from tests.cluster.hosts import Host, docker_host
from tests.cluster.swarm import STACK, deployed, docker, errors_of_master, label, swarm_of, take_label
from tests.cluster.test_overflow import run
from tests.support.node import DEADLINE_SECONDS, eventually, submission

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

TAKES_A_WHILE = "import time\ntime.sleep(0.5)\nprint({number})\n"
UPDATED_UNDER = 12
LIMITS = {"wall_seconds": 30}


@pytest.fixture(scope="module")
def swarm(node_file: Path, image_files: dict[str, Path]) -> Iterator[tuple[Host, Host]]:
    """A manager that has Python, and a worker that has C."""
    with ExitStack() as stack:
        manager = stack.enter_context(docker_host([node_file, image_files["python"]], has_networks=True))
        worker = stack.enter_context(docker_host([node_file, image_files["c"]], has_networks=True))
        stack.enter_context(swarm_of(manager, worker))
        label(manager, manager, "ccx.lang.python")
        yield manager, worker


async def test_a_stack_places_slaves_by_label_and_is_updated_without_a_loss(swarm: tuple[Host, Host]) -> None:
    manager, worker = swarm
    url = manager.url.replace("http:", "https:")
    with deployed(manager) as join_token:
        async with Client(url, tls=blind_context()) as stranger:
            await eventually(lambda: is_locked(stranger), "the master is up and asks for a token")
            authority = await stranger.authority()
        assert fingerprint_of(authority) in errors_of_master(manager)
        async with Client(url, token=first_token(manager), ca=authority) as client:
            await eventually(lambda: serves(client, {"python"}), "a machine that was labelled before has a slave")
            await asyncio.to_thread(label, manager, worker, "ccx.lang.c")
            await eventually(lambda: serves(client, {"c", "python"}), "one that is labelled later gets one")
            ran = await asyncio.gather(*(run(client, language, limits=LIMITS) for language in ["c", "python"] * 3))
            assert {(one.verdict, one.language, one.node) for one in ran} == {
                (Verdict.OK, "c", f"c-{worker.name}"),
                (Verdict.OK, "python", f"python-{manager.name}"),
            }
            assert manager.images() == {"ccx-node:latest", "ccx-python:latest"}
            assert worker.images() == {"ccx-node:latest", "ccx-c:latest"}
            for host in swarm:
                assert_is_confined(host, join_token)
            await update_under_load(client, manager)
            await asyncio.to_thread(take_label, manager, worker, "ccx.lang.c")
            await eventually(partial(is_idle, worker), "a machine without a label has no slave")
    for host in swarm:
        await eventually(partial(is_empty, host), f"nothing is left on {host.name}")


async def is_locked(stranger: Client) -> bool:
    try:
        await stranger.languages()
    except Unauthenticated:
        return True
    except NodeUnreachable:
        return False
    raise AssertionError("a stranger was let in")


def first_token(manager: Host) -> str:
    """Made by the command that swarm.yaml names."""
    master = docker(manager, "ps", "--quiet", "--filter", f"name={STACK}_master").split()[0]
    return docker(manager, "exec", master, "ccx", "token", "create", "root", "--role", "admin")


async def serves(client: Client, languages: set[str]) -> bool:
    with suppress(NodeUnreachable):
        return languages <= {language.name for language in await client.languages()}
    return False


async def update_under_load(client: Client, manager: Host) -> None:
    """Replace a slave while programs run and wait: each ends well, once."""
    before = {node.name: node.report for node in await client.nodes() if node.health is NodeHealth.OK}
    name = f"python-{manager.name}"
    loads = [asyncio.create_task(one(client, number)) for number in range(UPDATED_UNDER)]
    await asyncio.to_thread(docker, manager, "service", "update", "--force", "--quiet", f"{STACK}_slave-python")
    async with asyncio.timeout(DEADLINE_SECONDS):
        ended = await asyncio.gather(*loads)
    assert [(each.verdict, each.cases[0].stdout) for each in ended] == [
        (Verdict.OK, f"{number}\n") for number in range(UPDATED_UNDER)
    ]

    async def is_another() -> bool:
        reports = [node.report for node in await client.nodes() if node.name == name and node.health is NodeHealth.OK]
        old = before[name]
        return any(report and old and report.incarnation != old.incarnation for report in reports)

    await eventually(is_another, "the slave was replaced")
    assert (await run(client, "python", limits=LIMITS)).verdict is Verdict.OK


async def one(client: Client, number: int) -> Submission:
    return await client.submit(submission("python", TAKES_A_WHILE.format(number=number), limits=LIMITS))


def assert_is_confined(host: Host, join_token: str) -> None:
    """No node is privileged, has a capability, the root user or the right to write to its own files; only slaves have
    the Docker socket.
    """
    ids = docker(host, "ps", "--quiet", "--filter", "label=com.docker.swarm.service.name").split()
    assert ids
    for container in json.loads(docker(host, "inspect", *ids)):
        settings = container["HostConfig"]
        assert not settings["Privileged"]
        assert settings["CapDrop"] == ["ALL"]
        assert settings["ReadonlyRootfs"]
        assert (settings["Memory"], settings["PidsLimit"]) == (512 * 2**20, 256)
        assert container["Config"]["User"].startswith("10000:")
        sockets = [mount for mount in container["Mounts"] if mount["Destination"] == "/var/run/docker.sock"]
        assert len(sockets) == ("master" not in container["Name"])
        assert join_token not in json.dumps(container)


async def is_idle(host: Host) -> bool:
    return not await asyncio.to_thread(docker, host, "ps", "--quiet")


async def is_empty(host: Host) -> bool:
    return not await asyncio.to_thread(docker, host, "ps", "--all", "--quiet")
