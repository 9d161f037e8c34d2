"""A slave dies, hangs, is cut off, is drained or restarted: every submission ends once, and nothing runs for nobody."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ccx.client import Client
from ccx.wire import NodeHealth, Submission, Verdict
from tests.cluster.conftest import StartsSlaves
from tests.cluster.hosts import Host
from tests.cluster.test_overflow import run, until_it_knows
from tests.support.node import (
    DEADLINE_SECONDS,
    NodeProcess,
    StartsNodes,
    containers_with,
    eventually,
    sandboxes_of,
    submission,
)

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(240)]

# Says where it is in its life; the second try tells from the first by the time it begins.
SAYS_AND_WAITS = "import time\nprint('begun', flush=True)\ntime.sleep({seconds})\nprint('ended')\n"
RERUN_SECONDS = 3.0
NOTICE_SECONDS = 4.0  # a silent node is lost after so long; see cluster.roster.Times


@dataclass
class Trio:
    """A master that runs nothing itself, and two slaves for Python."""

    master: NodeProcess
    client: Client
    slaves: dict[str, NodeProcess]
    hosts: dict[str, Host]

    def other(self, name: str) -> str:
        return next(slave for slave in self.slaves if slave != name)

    async def begun(self, text: str) -> tuple[str, str]:
        """Submit a program and wait until it has said something; its id, and the slave that runs it."""
        accepted = await self.client.submit(submission("python", text), wait=False)

        async def has_begun() -> bool:
            now = await self.client.submission(accepted.id)
            return bool(now.cases and now.cases[0].stdout)

        await eventually(has_begun, "it has begun")
        return accepted.id, (await self.client.submission(accepted.id)).node or ""

    async def result(self, submission_id: str) -> Submission:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.client.wait(submission_id)

    async def begins_on(self, submission_id: str, slave: str) -> float:
        """Wait until it runs on that slave; how long that took, in seconds."""
        began = time.monotonic()

        async def runs_there() -> bool:
            now = await self.client.submission(submission_id)
            return now.node == slave and bool(now.cases and now.cases[0].stdout)

        await eventually(runs_there, f"it runs on {slave}")
        return time.monotonic() - began

    async def nothing_runs_on(self, slave: str) -> None:
        """Wait until nothing runs there. What is left of the dead is for the next node of that name to remove."""
        label = f"ccx.owner={slave}"

        async def is_idle() -> bool:
            found = await asyncio.to_thread(containers_with, label, self.hosts[slave].engine)
            return not [one for one in found if one["State"] == "running"]

        await eventually(is_idle, f"nothing runs on {slave}")

    async def nothing_left_on(self, slave: str) -> None:
        async def is_empty() -> bool:
            return not await asyncio.to_thread(sandboxes_of, slave, self.hosts[slave].engine)

        await eventually(is_empty, f"nothing is left on {slave}")


@pytest.fixture
async def trio(
    suite: str, starts_nodes: StartsNodes, starts_slaves: StartsSlaves, python_host: Host, other_python_host: Host
) -> AsyncIterator[Trio]:
    hosts = {f"{suite}-east": python_host, f"{suite}-west": other_python_host}
    slaves = {name: starts_slaves(host, "1", name=name) for name, host in hosts.items()}
    urls = ",".join(host.url for host in hosts.values())
    master = starts_nodes(languages="none", CCX_SLAVES=urls)
    async with master.client() as client:
        await until_it_knows(client, *slaves.values())
        yield Trio(master, client, slaves, hosts)


async def test_a_killed_slave_loses_nothing(trio: Trio, starts_slaves: StartsSlaves) -> None:
    submission_id, where = await trio.begun(SAYS_AND_WAITS.format(seconds=2))
    trio.slaves[where].process.kill()
    trio.slaves[where].process.wait()
    seconds = await trio.begins_on(submission_id, trio.other(where))
    ended = await trio.result(submission_id)
    assert (ended.verdict, ended.cases[0].stdout, ended.node) == (Verdict.OK, "begun\nended\n", trio.other(where))
    assert seconds < RERUN_SECONDS
    await trio.nothing_runs_on(where)
    await asyncio.to_thread(starts_slaves, trio.hosts[where], "1", name=where)
    await trio.nothing_left_on(where)  # the next node of that name removes what is left of the dead


async def test_a_cut_link_loses_nothing_and_leaves_nothing_running(trio: Trio) -> None:
    submission_id, where = await trio.begun(SAYS_AND_WAITS.format(seconds=3))
    host = trio.hosts[where]
    host.cut()
    try:
        seconds = await trio.begins_on(submission_id, trio.other(where))
        ended = await trio.result(submission_id)
        assert (ended.verdict, ended.cases[0].stdout, ended.node) == (Verdict.OK, "begun\nended\n", trio.other(where))
        assert seconds < NOTICE_SECONDS + 2 + RERUN_SECONDS
        await trio.nothing_left_on(where)
    finally:
        host.mend()
    await until_it_knows(trio.client, trio.slaves[where])
    assert (await trio.result(submission_id)) == ended


async def test_a_hanging_slave_loses_nothing_and_its_late_answer_is_ignored(trio: Trio) -> None:
    submission_id, where = await trio.begun(SAYS_AND_WAITS.format(seconds=2))
    trio.slaves[where].process.send_signal(signal.SIGSTOP)
    try:
        await trio.begins_on(submission_id, trio.other(where))
        ended = await trio.result(submission_id)
    finally:
        trio.slaves[where].process.send_signal(signal.SIGCONT)
    assert (ended.verdict, ended.node) == (Verdict.OK, trio.other(where))
    await until_it_knows(trio.client, trio.slaves[where])
    assert await trio.result(submission_id) == ended
    await trio.nothing_left_on(where)


async def test_a_killed_engine_loses_nothing(trio: Trio, starts_slaves: StartsSlaves) -> None:
    submission_id, where = await trio.begun(SAYS_AND_WAITS.format(seconds=2))
    host = trio.hosts[where]
    await asyncio.to_thread(host.kill_engine)
    try:
        await trio.begins_on(submission_id, trio.other(where))
        ended = await trio.result(submission_id)
        assert (ended.verdict, ended.cases[0].stdout) == (Verdict.OK, "begun\nended\n")
        assert ended.node == trio.other(where)
    finally:
        await asyncio.to_thread(host.start_engine)
        await asyncio.to_thread(trio.slaves[where].stop)
        # It could not remove what it had: the next node of that name does.
        await asyncio.to_thread(starts_slaves, host, "1", name=where)
    await trio.nothing_left_on(where)


async def test_a_killed_master_leaves_nothing_running(trio: Trio) -> None:
    _, where = await trio.begun(SAYS_AND_WAITS.format(seconds=600))
    trio.master.process.kill()
    await trio.nothing_left_on(where)


async def test_a_cancel_reaches_the_slave(trio: Trio) -> None:
    submission_id, where = await trio.begun(SAYS_AND_WAITS.format(seconds=600))
    cancelled = await trio.client.cancel(submission_id)
    assert (cancelled.verdict, cancelled.cases[0].stdout) == (Verdict.CANCELLED, "begun\n")
    await trio.nothing_left_on(where)


async def test_a_drained_slave_ends_what_it_has_and_gets_nothing_new(trio: Trio) -> None:
    submission_id, where = await trio.begun(SAYS_AND_WAITS.format(seconds=3))
    drained = await trio.client.drain(where)
    assert drained.health is NodeHealth.DRAINING
    others = [await run(trio.client, "python") for _ in range(3)]
    assert {one.node for one in others} == {trio.other(where)}
    assert ((await trio.result(submission_id)).verdict, (await trio.result(submission_id)).node) == (Verdict.OK, where)
    await trio.client.drain(where, on=False)
    await until_it_knows(trio.client, trio.slaves[where])


async def test_a_rolling_restart_under_load_loses_nothing(trio: Trio, starts_slaves: StartsSlaves) -> None:
    text = "import time\ntime.sleep(0.2)\nprint('hello')\n"
    at_once = asyncio.Semaphore(4)

    async def one() -> Submission:
        async with at_once:
            return await trio.client.submit(submission("python", text))

    load = [asyncio.create_task(one()) for _ in range(30)]
    for name, host in trio.hosts.items():
        await asyncio.to_thread(trio.slaves[name].stop)
        restarted = await asyncio.to_thread(starts_slaves, host, "1", name=name)
        await until_it_knows(trio.client, restarted)
    async with asyncio.timeout(DEADLINE_SECONDS):
        results = await asyncio.gather(*load)
    assert {(one.verdict, one.cases[0].stdout) for one in results} == {(Verdict.OK, "hello\n")}
    assert len({one.id for one in results}) == 30
