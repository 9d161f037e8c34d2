"""Writes that must happen, however long the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ccx.backoff import Backoff
from ccx.errors import StoreUnavailable
from ccx.wire import State, Submission
from ccx_orchestrator.ports.store import Keeper

log = structlog.get_logger(__name__)

RETRYING = Backoff(0.1, 5.0)

T = TypeVar("T")


class RetryingStore:
    """The store, as those see it who cannot be told to come back later."""

    def __init__(self, store: Keeper) -> None:
        self._store = store

    async def claim(self, submission_id: str) -> int | None:
        """See `ports.Queue`."""
        return await _insist(lambda: self._store.claim(submission_id))

    async def finish(self, result: Submission, journal: bytes) -> bool:
        """Keep a result; False where it was not this node's to give, because another has claimed the submission."""
        await _insist(lambda: self._store.finish(result, journal))
        if not self._store.is_shared:
            return True
        kept = await _insist(lambda: self._store.get(result.id))
        return kept is None or (kept.state is State.DONE and kept.attempt == result.attempt)


async def _insist(act: Callable[[], Awaitable[T]]) -> T:
    pauses = RETRYING.pauses()
    while True:
        try:
            return await act()
        except StoreUnavailable as error:
            log.warning("the store does not answer; trying again", reason=str(error.__cause__))
            await asyncio.sleep(next(pauses))
