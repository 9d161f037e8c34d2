"""Many submissions through one client: as many at a time as the node takes, each once, in whatever order they end.

One policy for what may go wrong: a node that is full, or asks for patience, is asked again when it said so; one that
cannot be reached is tried again after pauses that double to 5 s, for two minutes. A submission carries an idempotency
key of its own, so that asking again never runs it twice. What no patience mends is the outcome of that submission
alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from ccx.backoff import Backoff
from ccx.errors import (
    CcxError,
    EngineUnavailable,
    NodeUnreachable,
    QueueFull,
    QuotaExceeded,
    ShuttingDown,
    StoreUnavailable,
)
from ccx.wire import Submission, SubmissionRequest

if TYPE_CHECKING:
    from ccx.client import Client

RETRYING = Backoff(0.2, 5.0)
SILENT_SECONDS = 120.0
AHEAD = 6  # beyond two for each slot: few slots are never without work while an answer is on its way
_MAY_PASS = (QueueFull, QuotaExceeded, ShuttingDown, StoreUnavailable, EngineUnavailable, NodeUnreachable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the request of that number, counted from 0: a submission that has ended, or why there is none."""

    number: int
    submission: Submission | None = None
    error: CcxError | None = None


async def run_many(
    client: Client,
    requests: Iterable[SubmissionRequest],
    at_once: int | None = None,
    on_progress: Callable[[int], object] | None = None,
    key_of: Callable[[int], str] | None = None,
) -> AsyncGenerator[Outcome]:
    """The outcomes as they come. Requests are taken one by one as there is room: a hundred thousand need no more memory
    than `at_once`, which is twice the slots of all nodes and a few unless it is given. `on_progress` is told how many
    have ended.
    `key_of` gives the idempotency key of a request by its number: with the same keys a program that was broken off
    asks for what it has sent already instead of sending it again.
    """
    bound = at_once or await _capacity(client)
    numbered = enumerate(requests)
    running: set[asyncio.Task[Outcome]] = set()
    ended = 0
    try:
        while True:
            while len(running) < bound and (following := next(numbered, None)) is not None:
                key = key_of(following[0]) if key_of else uuid4().hex
                running.add(asyncio.create_task(_run_one(client, *following, key)))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                ended += 1
                if on_progress is not None:
                    on_progress(ended)
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _capacity(client: Client) -> int:
    slots = 0
    with suppress(CcxError):
        slots = sum(node.report.slots for node in await client.nodes() if node.report)
    return 2 * slots + AHEAD


async def _run_one(client: Client, number: int, request: SubmissionRequest, key: str) -> Outcome:
    clock = asyncio.get_running_loop().time
    pauses, silent_since = RETRYING.pauses(), clock()
    while True:
        try:
            return Outcome(number, await client.submit(request, key=key))
        except _MAY_PASS as error:
            is_about_load = isinstance(error, QueueFull | QuotaExceeded)
            if not is_about_load and clock() - silent_since > SILENT_SECONDS:
                return Outcome(number, error=error)
            if is_about_load:
                silent_since = clock()
            advised = getattr(error, "retry_after_seconds", None)
            await asyncio.sleep(max(advised or 0.0, next(pauses)))
        except CcxError as error:
            return Outcome(number, error=error)
