"""Many writes in one transaction: what comes while one transaction is on its way goes into the next, all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import structlog
from sqlalchemy import Connection

from ccx.errors import StoreUnavailable
from ccx_orchestrator.store.database import Database, Transact

log = structlog.get_logger(__name__)

MAX_BATCH = 512

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Write(Generic[Item, Outcome]):
    """A kind of write: takes all items of a transaction, gives an outcome for each, in order. An outcome that is an
    exception is raised for that item alone.
    """

    name: str
    apply: Callable[[Connection, list[Item]], list[Outcome | Exception]]


@dataclass(slots=True)
class _Pending:
    kind: Write[Any, Any]
    item: Any
    outcome: asyncio.Future[Any]


class GroupCommit:
    """One connection that writes, on one task. The kinds of a transaction are applied in the order they are given in.

    A transaction that fails fails for all its items, as StoreUnavailable; the next one has a fresh connection.
    """

    def __init__(self, database: Database, kinds: tuple[Write[Any, Any], ...]) -> None:
        self._database = database
        self._kinds = kinds
        self._pending: list[_Pending] = []
        self._wake = asyncio.Event()
        self._is_open = True
        self._task = asyncio.create_task(self._write_for_ever(), name="store writer")

    async def write(self, kind: Write[Item, Outcome], item: Item) -> Outcome:
        """Returns when it is committed. Who is cancelled meanwhile has written all the same."""
        if not self._is_open:
            raise StoreUnavailable("The store of submissions is closed.")
        pending = _Pending(kind, item, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        self._wake.set()
        return cast("Outcome", await pending.outcome)

    async def close(self) -> None:
        """Write what is left, then end."""
        self._is_open = False
        self._wake.set()
        await self._task

    async def _write_for_ever(self) -> None:
        while await self._has_work():
            try:
                async with self._database.writing() as transact:
                    while await self._has_work():
                        await self._write_once(transact)
            except Exception as error:
                log.exception("the store of submissions does not answer")
                batch, self._pending = self._pending, []
                _refuse(batch, error)

    async def _has_work(self) -> bool:
        """Wait for something to write; False once closed and all is written."""
        while not self._pending:
            if not self._is_open:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def _write_once(self, transact: Transact) -> None:
        batch, self._pending = self._pending[:MAX_BATCH], self._pending[MAX_BATCH:]
        try:
            outcomes = await transact(lambda connection: self._apply(connection, batch))
        except BaseException as error:
            _refuse(batch, error)
            raise
        for pending, outcome in outcomes:
            _settle(pending.outcome, outcome)

    def _apply(self, connection: Connection, batch: list[_Pending]) -> list[tuple[_Pending, Any]]:
        outcomes: list[tuple[_Pending, Any]] = []
        for kind in self._kinds:
            if items := [pending for pending in batch if pending.kind is kind]:
                outcomes += zip(items, kind.apply(connection, [one.item for one in items]), strict=True)
        return outcomes


def _refuse(batch: list[_Pending], error: BaseException) -> None:
    for pending in batch:
        refusal = StoreUnavailable("The store of submissions does not answer; nothing was taken in. Try again.")
        refusal.__cause__ = error
        _settle(pending.outcome, refusal)


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    with suppress(asyncio.InvalidStateError):  # who waited may have been cancelled
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
