"""Nodes whose clocks are hours off: nothing compares the clocks of two machines."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.wire import FORWARDED_HEADER, Lease, NodeHealth, Usage, Verdict
from tests.cluster.test_overflow import SLEEPS, run, until_it_knows
from tests.support.node import DEADLINE_SECONDS, NodeProcess, StartsNodes, eventually, submission

pytestmark = [pytest.mark.docker, pytest.mark.slow]

HOURS = 7
MUCH = timedelta(hours=HOURS - 1)
BOTH_WAYS = [f"+{HOURS}h", f"-{HOURS}h"]
LIMITS = {"wall_seconds": 30}


def slave_off_by(shift: str, starts_nodes: StartsNodes) -> NodeProcess:
    """A slave that believes it is that much later, such as `+7h`."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    # A wrong clock goes on as fast as a right one: only the time of day is off.
    return starts_nodes(
        max_tasks=1,
        languages="python",
        LD_PRELOAD=str(library),
        FAKETIME=shift,
        FAKETIME_DONT_FAKE_MONOTONIC="1",
    )


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
