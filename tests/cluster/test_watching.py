"""What an operator sees and says: `ccx nodes`, `ccx nodes drain`, and `ccx top` in a terminal."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass

import pytest

from ccx.client import Client
from ccx.wire import NodeHealth, Submission
from tests.cluster.test_overflow import SLEEPS, run, until_it_knows
from tests.support.node import (
    DEADLINE_SECONDS,
    NodeProcess,
    StartsNodes,
    ccx_command,
    ccx_environment,
    eventually,
    submission,
)
from tests.support.terminal import TerminalProcess

pytestmark = [pytest.mark.docker, pytest.mark.slow]

LONG = {"wall_seconds": 30}


@dataclass(frozen=True)
class Done:
    status: int
    stdout: str
    stderr: str


async def ccx(*arguments: object, **environment: str) -> Done:
    process = await asyncio.create_subprocess_exec(
        *ccx_command(*arguments),
        env=ccx_environment(**environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_SECONDS):
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, stdout.decode(), stderr.decode())


@pytest.fixture
def pair(suite: str, starts_nodes: StartsNodes) -> tuple[NodeProcess, NodeProcess]:
    """A master that runs nothing itself, and a slave for Python. Names are short: a terminal is narrow."""
    slave = starts_nodes(f"{suite}-s", max_tasks=1, languages="python")
    master = starts_nodes(f"{suite}-m", languages="none", CCX_SLAVES=slave.url)
    return master, slave


async def running(client: Client, slave: NodeProcess) -> Submission:
    """One that runs on the slave until it is cancelled."""
    await until_it_knows(client, slave)
    accepted = await client.submit(submission("python", SLEEPS, limits=LONG), wait=False)
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for event in client.events(accepted.id):
            if event.type == "output":
                break
    return accepted


async def test_nodes_are_listed(pair: tuple[NodeProcess, NodeProcess]) -> None:
    master, slave = pair
    async with master.client() as client:
        await until_it_knows(client, slave)
    listed = await ccx("nodes", "--server", master.url)
    header, *lines = [line.split() for line in listed.stdout.splitlines()]
    assert (listed.status, header[:4]) == (0, ["NODE", "HEALTH", "SERVES", "RUNNING"])
    assert [line[:4] for line in lines] == [[master.name, "ok", "none", "0/2"], [slave.name, "ok", "python", "0/1"]]
    documents = json.loads((await ccx("nodes", "--json", "--server", master.url)).stdout)
    assert [(one["name"], one["health"]) for one in documents] == [(master.name, "ok"), (slave.name, "ok")]


async def test_a_node_is_drained_and_taken_back(pair: tuple[NodeProcess, NodeProcess]) -> None:
    master, slave = pair
    command = ("nodes", "drain", slave.name, "--server", master.url)
    async with master.client() as client:
        one = await running(client, slave)
        draining = asyncio.create_task(ccx(*command))
        await until_health(client, slave, NodeHealth.DRAINING)
        assert not draining.done()  # it waits for what runs there
        await client.cancel(one.id)
        drained = await draining
        assert (drained.status, drained.stdout) == (0, f"{slave.name} has nothing left to do\n")
        back = await ccx(*command, "--off")
        assert (back.status, back.stdout) == (0, f"{slave.name} takes work again\n")
        assert (await run(client, "python")).node == slave.name
        unknown = await ccx("nodes", "drain", "nobody", "--server", master.url)
        assert unknown.status != 0
        assert "nobody" in unknown.stderr


async def until_health(client: Client, node: NodeProcess, health: NodeHealth) -> None:
    async def has_it() -> bool:
        return health in {one.health for one in await client.nodes() if one.name == node.name}

    await eventually(has_it, f"{node.name} is {health}")


def top(master: NodeProcess, *, columns: int) -> TerminalProcess:
    """`ccx top` of that node, in a terminal so wide."""
    environment = ccx_environment(CCX_SERVER=master.url, TERM="xterm", LANG="C.UTF-8")
    environment.pop("COLUMNS", None)
    return TerminalProcess(ccx_command("top"), rows=14, columns=columns, env=environment)


async def test_top_shows_what_runs_where_until_ctrl_c(pair: tuple[NodeProcess, NodeProcess]) -> None:
    master, slave = pair
    async with master.client() as client:
        await until_it_knows(client, slave)
        with top(master, columns=80) as terminal:

            async def sees(pattern: str) -> None:
                await asyncio.to_thread(terminal.sees, pattern)

            await sees("2 of 2 nodes ok, 0 of 3 slots taken")
            await sees(rf"{slave.name}.*python.* 0/1 ")
            one = await running(client, slave)
            await sees("1 of 3 slots taken")
            await sees(rf"{one.id[-8:]} +{slave.name} +python +[0-9]+s +127\.0\.0\.1")
            await ccx("nodes", "drain", slave.name, "--no-wait", "--server", master.url)
            await sees("draining")
            await client.cancel(one.id)
            await sees("0 of 3 slots taken")
            os.kill(master.process.pid, 9)
            await sees("No ccx node answers")
            terminal.types("\x03")
            assert await asyncio.to_thread(terminal.ends) == 0
            assert terminal.is_as_before()
    assert "Traceback" not in terminal.seen


async def test_q_leaves_top_in_a_terminal_of_60_columns(pair: tuple[NodeProcess, NodeProcess]) -> None:
    master, slave = pair
    async with master.client() as client:
        await until_it_knows(client, slave)
    with top(master, columns=60) as terminal:
        await asyncio.to_thread(terminal.sees, rf"{slave.name[:12]}.*python.* 0/1 .*GiB")
        terminal.types("q")
        assert await asyncio.to_thread(terminal.ends) == 0
        assert terminal.is_as_before()
