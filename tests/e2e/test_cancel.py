"""How soon a cancel has its effect. A busy machine may be slow now and then: the best of a few counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import pytest

from ccx.client import Client
from ccx.events import Output, Queued
from ccx.wire import Verdict
from tests.support.node import DEADLINE_SECONDS, NodeProcess, SandboxWatch, submission

pytestmark = pytest.mark.docker

TRIES = 5
SOON_SECONDS = 0.2
FOREVER = submission(
    "python", "import time\nprint('begun\\n', end='', flush=True)\ntime.sleep(60)\n", limits={"wall_seconds": 100}
)

Ends = Callable[[Client], Awaitable[tuple[str, float]]]


async def by_id(client: Client) -> tuple[str, float]:
    """Its id, and when the cancel began."""
    accepted = await client.submit(FOREVER, wait=False)
    async with aclosing(client.events(accepted.id)) as events:
        async for event in events:
            if isinstance(event, Output):
                break
    began = time.monotonic()
    cancelled = await client.cancel(accepted.id)
    assert cancelled.verdict is Verdict.CANCELLED
    assert await client.cancel(accepted.id) == cancelled
    return accepted.id, began


async def by_leaving(client: Client) -> tuple[str, float]:
    submission_id = ""
    began = 0.0
    async with aclosing(client.run_stream(FOREVER)) as events:
        async for event in events:
            if isinstance(event, Queued):
                submission_id = event.submission_id
            if isinstance(event, Output):
                break
        began = time.monotonic()
    return submission_id, began


@pytest.mark.parametrize("end", [by_id, by_leaving])
async def test_a_running_program_is_dead_within_200_ms_and_what_it_wrote_is_kept(node: NodeProcess, end: Ends) -> None:
    took = []
    with SandboxWatch(node.name) as watch:
        async with node.client() as client, asyncio.timeout(DEADLINE_SECONDS):
            for count in range(1, TRIES + 1):
                submission_id, began = await end(client)
                await watch.wait_for("die", times=count)
                took.append(time.monotonic() - began)
                submission = await client.wait(submission_id)  # it is kept before it is shown
                assert (submission.verdict, submission.cases[0].stdout) == (Verdict.CANCELLED, "begun\n")
                (case,) = submission.cases
                assert (case.stdout_bytes, case.verdict) == (6, Verdict.CANCELLED)
                assert case.cpu_seconds > 0, case
                assert case.wall_seconds > 0, case
                assert case.memory_bytes > 0, case
    assert min(took) < SOON_SECONDS, took


async def test_a_waiting_submission_is_cancelled_within_200_ms(node: NodeProcess) -> None:
    took = []
    async with node.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        running = [(await client.submit(FOREVER, wait=False)).id for _ in range(2)]
        for _ in range(TRIES):
            waiting = await client.submit(FOREVER, wait=False)
            began = time.monotonic()
            assert (await client.cancel(waiting.id)).verdict is Verdict.CANCELLED
            took.append(time.monotonic() - began)
            assert [event.type async for event in client.events(waiting.id)] == ["queued", "done"]
        for submission_id in running:
            await client.cancel(submission_id)
    assert min(took) < SOON_SECONDS, took
