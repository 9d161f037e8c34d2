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
from ccx_orchestrator.store.database import Database, Transact, trouble_of

log = structlog.get_logger(__name__)

MAX_BATCH = 512
PROBE_SECONDS = 2.0

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

    A transaction that fails fails for all its items, as StoreUnavailable; the next one has a fresh connection. After a
    failure `trouble` says what is wrong, until something was written. It sees for itself, every few seconds and with
    `probe`: a node in trouble may be sent nothing that would show that all is well again.
    """

    def __init__(
        self, database: Database, kinds: tuple[Write[Any, Any], ...], probe: Callable[[Connection], None]
    ) -> None:
        self.trouble = ""
        self._database = database
        self._probe = probe
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
                        self._is_well()
            except Exception as error:
                if not self.trouble:  # once for all that fails until it works again
                    log.exception("the store of submissions cannot be written to")
                self.trouble = trouble_of(error)
                batch, self._pending = self._pending, []
                _refuse(batch, error)

    def _is_well(self) -> None:
        if self.trouble:
            log.warning("the store of submissions can be written to again")
        self.trouble = ""

    async def _has_work(self) -> bool:
        """Wait for something to write, or for the time to see whether that is possible again; False once closed and all
        is written.
        """
        while not self._pending:
            if not self._is_open:
                return False
            self._wake.clear()
            try:
                async with asyncio.timeout(PROBE_SECONDS if self.trouble else None):
                    await self._wake.wait()
            except TimeoutError:
                return True
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
        if not batch:
            self._probe(connection)
        outcomes: list[tuple[_Pending, Any]] = []
        for kind in self._kinds:
            if items := [pending for pending in batch if pending.kind is kind]:
                outcomes += zip(items, kind.apply(connection, [one.item for one in items]), strict=True)
        return outcomes


def _refuse(batch: list[_Pending], error: BaseException) -> None:
    for pending in batch:
        refusal = StoreUnavailable(f"The store of submissions {trouble_of(error)}; nothing was taken in. Try again.")
        refusal.__cause__ = error
        _settle(pending.outcome, refusal)


def _settle(future: asyncio.Future[Any], outcome: Any) -> None:
    with suppress(asyncio.InvalidStateError):  # who waited may have been cancelled
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
