"""Forgets finished submissions that are too old or too many, a few at a time, in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, Delete, delete, select

from ccx.errors import StoreUnavailable
from ccx.wire import State
from ccx_orchestrator.domain.submission_ids import earliest_at
from ccx_orchestrator.store.sql import SqlStore
from ccx_orchestrator.store.tables import callbacks, idempotency_keys, requests, results, submissions

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0
AT_A_TIME = 500  # writers wait meanwhile
KEYS_ARE_KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept: `seconds` since it was accepted, and the newest `count`."""

    store: SqlStore
    seconds: float
    count: int
    clock: Callable[[], datetime]

    async def forget_for_ever(self) -> None:
        """Forget what is due once a minute, until cancelled."""
        while True:
            try:
                if forgotten := await self.forget():
                    log.info("forgot old submissions", count=forgotten)
            except StoreUnavailable as error:
                log.warning("old submissions have to wait for the store", reason=str(error.__cause__))
            await asyncio.sleep(LOOK_SECONDS)

    async def forget(self) -> int:
        """Forget all that is due now; how many submissions that were."""
        now = self.clock()
        oldest = earliest_at((now - timedelta(seconds=self.seconds)).timestamp())
        forgotten = await self._forget_while(submissions.c.id < oldest)
        newest = select(submissions.c.id).where(submissions.c.state == State.DONE).order_by(submissions.c.id.desc())
        if surplus := await self.store.read(newest.offset(self.count).limit(1)):
            forgotten += await self._forget_while(submissions.c.id <= surplus[0].id)
        oldest_key = earliest_at((now - KEYS_ARE_KEPT_FOR).timestamp())
        await self._delete(delete(idempotency_keys).where(idempotency_keys.c.submission < oldest_key))
        return forgotten

    async def _forget_while(self, due: ColumnElement[bool]) -> int:
        forgotten = 0
        some = select(submissions.c.id).where(due, submissions.c.state == State.DONE).limit(AT_A_TIME)
        while ids := [row.id for row in await self.store.read(some)]:
            await self._delete(
                delete(submissions).where(submissions.c.id.in_(ids)),
                delete(requests).where(requests.c.id.in_(ids)),
                delete(results).where(results.c.id.in_(ids)),
                delete(idempotency_keys).where(idempotency_keys.c.submission.in_(ids)),
                delete(callbacks).where(callbacks.c.submission.in_(ids)),
            )
            forgotten += len(ids)
            await asyncio.sleep(0)
        return forgotten

    async def _delete(self, *what: Delete) -> None:
        def work(connection: Connection) -> None:
            for one in what:
                connection.execute(one)

        await self.store.transact(work)
