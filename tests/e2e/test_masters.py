"""Two masters as processes, on one PostgreSQL server: whichever a client asks, it is told the same."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Protocol

import pytest

from ccx.events import Done, Event, Output, Queued
from ccx.wire import State, Verdict
from tests.support.node import NodeProcess, StartsNodes, eventually, submission

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

DEADLINE_SECONDS = 60.0
NOBODY = "http://127.0.0.1:9"  # where nothing listens
SLOW = "import time\nprint('first', flush=True)\ntime.sleep({seconds})\nprint('last')\n"
FOR_EVER = SLOW.format(seconds=60)
WALL = {"limits": {"wall_seconds": 90}}


class StartsMasters(Protocol):
    """Starts masters of one slot that share a database."""

    def __call__(self, name: str | None = None, advertise: str = "", host: str = "") -> NodeProcess: ...


@pytest.fixture
def start(starts_nodes: StartsNodes, database: str) -> StartsMasters:
    def start(name: str | None = None, advertise: str = "", host: str = "") -> NodeProcess:
        return starts_nodes(
            name,
            max_tasks=1,
            languages="python",
            CCX_DATABASE_URL=database,
            CCX_LEASE_SECONDS="3",
            CCX_ADVERTISE=advertise,
            CCX_HOST=host,
            CCX_INSECURE="true",
        )

    return start


async def until_output(events: AsyncIterator[Event]) -> list[Event]:
    """All that is told up to the next output."""
    told: list[Event] = []
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for event in events:
            told.append(event)
            if isinstance(event, Output):
                return told
    raise AssertionError(f"no output: {told}")


async def rest_of(events: AsyncIterator[Event]) -> list[Event]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return [event async for event in events]


async def test_output_comes_through_the_other_master_while_the_program_runs(start: StartsMasters) -> None:
    async with start().client() as runs, start().client() as asked:
        request = submission("python", FOR_EVER, **WALL)
        submission_id = (await runs.submit(request, wait=False)).id
        async with aclosing(asked.events(submission_id)) as events:
            told = await until_output(events)
            assert (await asked.submission(submission_id)).state is State.RUNNING
            assert (await asked.submission(submission_id)).cases[0].stdout == "first\n"
            cancelled = await asked.cancel(submission_id)
            assert (cancelled.verdict, cancelled.cases[0].stdout) == (Verdict.CANCELLED, "first\n")
        told += await rest_of(runs.events(submission_id, told[-1].id))
        assert told == await rest_of(asked.events(submission_id))
        assert [event.id for event in told] == [f"1-{number}" for number in range(1, len(told) + 1)]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_the_place_in_the_queue_is_told_by_the_other_master(start: StartsMasters, host: str) -> None:
    async with start(host=host).client() as one, start().client() as two:
        request = submission("python", FOR_EVER, **WALL)
        busy = [await client.submit(request, wait=False) for client in (one, two)]
        waiting = [await one.submit(request, wait=False) for _ in range(2)]
        assert [(await two.submission(each.id)).queue_position for each in waiting] == [1, 2]
        async with aclosing(two.events(waiting[1].id)) as events:
            queued = await anext(events)
            assert isinstance(queued, Queued)
            assert (queued.id, queued.position) == ("1-1", 2)
        for each in (*waiting, *busy):
            assert (await two.cancel(each.id)).verdict is Verdict.CANCELLED


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_stream_through_the_other_master_outlives_the_one_that_runs(
    start: StartsMasters, fate: signal.Signals
) -> None:
    dies, other = start(), start()
    async with dies.client() as runs, other.client() as asked:
        request = submission("python", SLOW.format(seconds=4), **WALL)
        submission_id = (await runs.submit(request, wait=False)).id
        async with aclosing(asked.events(submission_id, resume_seconds=0)) as events:
            told = await until_output(events)
            dies.process.send_signal(fate)
            told += await rest_of(events)  # in one stream, which the other never breaks off
        attempts = [str(event.id).partition("-")[0] for event in told if event.id]
        assert attempts == sorted(attempts)
        assert set(attempts) == {"1", "2"}
        second = [event for event in told if str(event.id).startswith("2-")]
        assert [event.id for event in second] == [f"2-{number}" for number in range(1, len(second) + 1)]
        assert "".join(event.data for event in second if isinstance(event, Output)) == "first\nlast\n"
        assert [type(event) is Done for event in told].count(True) == 1
        result = await asked.submission(submission_id)
        assert (result.verdict, result.attempt, result.node) == (Verdict.OK, 2, other.name)
        assert await rest_of(asked.events(submission_id)) == second
    if fate is signal.SIGKILL:
        start(dies.name)  # clears away what the dead one left
    else:
        dies.process.send_signal(signal.SIGCONT)


async def test_the_events_of_a_master_that_cannot_be_reached_come_at_the_end(start: StartsMasters) -> None:
    async with start(advertise=NOBODY).client() as runs, start().client() as asked:
        request = submission("python", SLOW.format(seconds=2), **WALL)
        submission_id = (await runs.submit(request, wait=False)).id
        through_other = asyncio.create_task(rest_of(asked.events(submission_id)))

        async def is_running() -> bool:
            return (await asked.submission(submission_id)).state is State.RUNNING

        await eventually(is_running, "it runs")
        assert (await asked.submission(submission_id)).node is None  # as the store knows it
        directly = await rest_of(runs.events(submission_id))
        assert await through_other == directly
        assert isinstance(directly[-1], Done)
