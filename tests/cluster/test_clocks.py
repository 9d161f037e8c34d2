"""Nodes whose clocks are hours off, or are set while they work: nothing compares the clocks of two machines, and
nothing waits by the time of day.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.wire import FORWARDED_HEADER, Lease, NodeHealth, Submission, Usage, Verdict
from tests.cluster.test_overflow import SLEEPS, run, until_it_knows
from tests.support.node import DEADLINE_SECONDS, NodeProcess, StartsNodes, eventually, submission

pytestmark = [pytest.mark.docker, pytest.mark.slow]

HOURS = 7
MUCH = timedelta(hours=HOURS - 1)
BOTH_WAYS = [f"+{HOURS}h", f"-{HOURS}h"]
LIMITS = {"wall_seconds": 30}
SET_SECONDS = 3.0


def wrong_clock(**more: str) -> dict[str, str]:
    """The environment of a node with one. It goes on as fast as a right one: only the time of day is off."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1", **more}


def slave_off_by(shift: str, starts_nodes: StartsNodes) -> NodeProcess:
    """A slave that believes it is that much later, such as `+7h`."""
    return starts_nodes(max_tasks=1, languages="python", pool=False, **wrong_clock(FAKETIME=shift))


def differs(at: datetime) -> bool:
    return abs(at - datetime.now(UTC)) > MUCH


async def first_reading(client: Client, node: str) -> list[Usage]:
    async with aclosing(client.usage(node)) as usage:
        return [await anext(usage), await anext(usage)]


@pytest.mark.parametrize("shift", BOTH_WAYS)
async def test_a_slave_with_a_wrong_clock_is_a_slave_like_any_other(starts_nodes: StartsNodes, shift: str) -> None:
    slave = slave_off_by(shift, starts_nodes)
    began = datetime.now(UTC)
    master = starts_nodes(languages="none", CCX_SLAVES=slave.url)
    async with master.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        await until_it_knows(client, slave)
        ran = await run(client, "python", "import time\nprint(time.time())\n", limits=LIMITS)
        late = await run(client, "python", SLEEPS, limits={"wall_seconds": 1})
        queued = await run(client, "python", "print(1)", limits=LIMITS, deadline_seconds=60)
        readings = await first_reading(client, slave.name)
        told = {node.name: node for node in await client.nodes()}[slave.name]
    ended = datetime.now(UTC)
    assert (ran.verdict, ran.node, queued.verdict) == (Verdict.OK, slave.name, Verdict.OK)
    assert (late.verdict, late.cases[0].stdout) == (Verdict.WALL_TIME_LIMIT, "awake\n")
    for one in (ran, late, queued):
        assert one.started_at is not None
        assert one.finished_at is not None
        assert began < one.created_at <= one.started_at <= one.finished_at < ended
    # What the slave itself dates has its clock, and goes on as time does; since when it is well, the master knows.
    assert told.report is not None
    assert differs(told.report.started_at)
    assert all(differs(reading.at) for reading in readings)
    assert timedelta(0) < readings[1].at - readings[0].at < timedelta(minutes=1)
    assert told.health is NodeHealth.OK
    assert began < told.since < ended


@pytest.mark.parametrize("shift", BOTH_WAYS)
async def test_a_lease_lasts_as_long_as_it_says_whatever_the_clock(starts_nodes: StartsNodes, shift: str) -> None:
    slave = slave_off_by(shift, starts_nodes)
    async with (
        Client(slave.url, headers={FORWARDED_HEADER: "some-master"}) as master,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        left = await master.submit(submission("python", SLEEPS, limits=LIMITS), wait=False)
        await master.renew("some-master", Lease(seconds=30))
        await eventually(lambda: says_something(master, left.id), "it runs")
        await master.renew("some-master", Lease(seconds=0.5))
        ended = await master.wait(left.id)
    assert (ended.verdict, ended.message) == (Verdict.CANCELLED, "The node that sent it is gone.")
    assert ended.cases[0].stdout == "awake\n"


async def says_something(client: Client, submission_id: str) -> bool:
    now = await client.submission(submission_id)
    return bool(now.cases and now.cases[0].stdout)


class SetClock:
    """The clock of a node that somebody sets."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.put("+0h")

    def put(self, shift: str) -> None:
        """Make it that much later than it is, such as `-1h`; the node sees that within a second."""
        new = self._file.with_suffix(".new")
        new.write_text(shift)
        new.replace(self._file)

    def environment(self) -> dict[str, str]:
        """What a node with this clock is started with."""
        return wrong_clock(FAKETIME_TIMESTAMP_FILE=str(self._file), FAKETIME_CACHE_DURATION="1")


@pytest.mark.parametrize("whose", ["master", "slave"])
async def test_a_clock_that_is_set_under_load_loses_nothing(
    starts_nodes: StartsNodes, tmp_path: Path, whose: str
) -> None:
    clock = SetClock(tmp_path / "clock")

    def start(who: str, **settings: str) -> NodeProcess:
        own = clock.environment() if who == whose else {}
        return starts_nodes(max_tasks=1, languages="python", pool=False, **settings, **own)

    slave = start("slave")
    master = start("master", CCX_SLAVES=slave.url)
    async with master.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        await until_it_knows(client, slave)
        done = asyncio.Event()
        clients = [asyncio.create_task(_go_on(client, done)) for _ in range(4)]
        for shift in ("+1h", "+0h", "-1h", "+0h"):
            await asyncio.sleep(SET_SECONDS)
            clock.put(shift)
        await asyncio.sleep(SET_SECONDS)
        done.set()
        ran = [one for some in await asyncio.gather(*clients) for one in some]
        known = {node.name: node.health for node in await client.nodes()}
    assert {(one.verdict, one.cases[0].stdout, one.attempt) for one in ran} == {(Verdict.OK, "done\n", 1)}
    assert {one.node for one in ran} == set(known) == {master.name, slave.name}
    assert set(known.values()) == {NodeHealth.OK}
    for one in ran:
        assert one.started_at is not None
        assert one.finished_at is not None
        assert one.created_at <= one.started_at <= one.finished_at
    said = [line for node in (master, slave) for line in node.log.all()]
    assert not [line for line in said if "Traceback" in line or "does not answer" in line or "is gone" in line]


async def _go_on(client: Client, done: asyncio.Event) -> list[Submission]:
    """One after the other, until it is done. Their deadline is shorter than what a clock is set by."""
    ran = []
    while not done.is_set():
        text = "import time\ntime.sleep(0.3)\nprint('done')\n"
        ran.append(await client.submit(submission("python", text, limits=LIMITS, deadline_seconds=60)))
    return ran
