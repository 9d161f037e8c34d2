"""Tells results to those who asked to be told, until they have heard it or it has been tried often enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import structlog

from ccx.backoff import Backoff
from ccx.errors import StoreUnavailable
from ccx_orchestrator.ports.callbacks import LONGEST_PAUSE, NATIVE, Callback, Caller, CallFailed, Form, Outbox
from ccx_orchestrator.ports.metering import Meter
from ccx_orchestrator.ports.store import Store

log = structlog.get_logger(__name__)

TOGETHER = 8
LOOK_SECONDS = 1.0
LEASE_SECONDS = 60.0  # longer than a call may take
MOST_TRIES = 10
PAUSES = Backoff(5.0, LONGEST_PAUSE.total_seconds())


def pause_after(tries: int) -> float | None:
    """How long to wait after so many failures, in seconds: twice as long each time, an hour at most, about two hours
    in all; None is for ever.
    """
    if tries >= MOST_TRIES:
        return None
    return PAUSES.after(tries)


class Callbacks:
    """Makes the calls that are due."""

    def __init__(
        self,
        outbox: Outbox,
        store: Store,
        caller: Caller,
        clock: Callable[[], datetime],
        meter: Meter,
        forms: Mapping[str, Form] = MappingProxyType({}),
    ) -> None:
        self._outbox = outbox
        self._store = store
        self._caller = caller
        self._clock = clock
        self._meter = meter
        self._forms = {"ccx": NATIVE} | dict(forms)

    async def make_for_ever(self) -> None:
        """Make them, until cancelled."""
        while True:
            try:
                while await self.make_some():
                    pass
            except StoreUnavailable as error:
                log.warning("callbacks have to wait for the store", reason=str(error.__cause__))
            await asyncio.sleep(LOOK_SECONDS)

    async def make_some(self) -> int:
        """Make a few of those that are due now; how many there were."""
        due = await self._outbox.due(self._clock(), LEASE_SECONDS, TOGETHER)
        async with asyncio.TaskGroup() as group:
            for callback in due:
                group.create_task(self._make(callback))
        return len(due)

    async def _make(self, callback: Callback) -> None:
        again_at = None
        result = await self._store.get(callback.submission)
        request = await self._store.request(callback.submission)
        if result and request:
            form = self._forms[request.callback_form]
            try:
                body = await form.body(result)
                await self._caller.call(form.method, callback.url, body, callback.submission, self._clock())
                self._meter.called_back(succeeded=True)
            except CallFailed as error:
                self._meter.called_back(succeeded=False)
                again_at = self._after_failure(callback, error)
        await self._outbox.settle(callback.submission, again_at)

    def _after_failure(self, callback: Callback, error: CallFailed) -> datetime | None:
        pause_seconds = pause_after(callback.tries + 1)
        log.warning(
            "a callback failed",
            submission=callback.submission,
            reason=str(error),
            tries=callback.tries + 1,
            again_in_seconds=pause_seconds,
        )
        return None if pause_seconds is None else self._clock() + timedelta(seconds=pause_seconds)
