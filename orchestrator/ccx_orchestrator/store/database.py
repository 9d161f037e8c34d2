"""A database as the store uses it: whole pieces of work, each in one transaction. The work itself is plain SQLAlchemy
Core, whatever drives it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from ccx.errors import StoreUnavailable

T = TypeVar("T")


class Transact(Protocol):
    """Does a piece of work in a transaction of its own, and commits it."""

    async def __call__(self, work: Callable[[Connection], T]) -> T:
        """What the work returned."""


class Database(Protocol):
    """Every call raises SQLAlchemyError or OSError where the database does not answer."""

    def writing(self) -> AbstractAsyncContextManager[Transact]:
        """Transactions on a connection that is kept."""

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """One transaction on any connection."""

    async def read(self, query: Select[Any]) -> list[Any]:
        """All rows, outside of a transaction."""


class AsyncDatabase:
    """A server, by a driver that does not block."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self.reader = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transact]:
        """See `Database`."""
        async with self._engine.connect() as connection:

            async def transact(work: Callable[[Connection], T]) -> T:
                async with connection.begin():
                    return await connection.run_sync(work)

            yield transact

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """See `Database`."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def read(self, query: Select[Any]) -> list[Any]:
        """See `Database`."""
        async with self.reader.connect() as connection:
            return list((await connection.execute(query)).all())


class SafeAccess:
    """A database whose errors are ours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, query: Select[Any]) -> list[Any]:
        """All rows. Raises StoreUnavailable."""
        try:
            return await self._database.read(query)
        except (SQLAlchemyError, OSError) as error:
            raise unavailable(error) from error

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Do that in one transaction. Raises StoreUnavailable."""
        try:
            return await self._database.transact(work)
        except (SQLAlchemyError, OSError) as error:
            raise unavailable(error) from error


def unavailable(error: BaseException) -> StoreUnavailable:
    """What a caller is told of the database's own errors, which are its cause."""
    return StoreUnavailable(f"The store of submissions {trouble_of(error)}. Try again.")


# What an operator can do something about, by SQLite's own number of it.
_TROUBLES = {
    sqlite3.SQLITE_FULL: "has no room: its disk is full",
    sqlite3.SQLITE_READONLY: "cannot be written to: its file is read-only",
    sqlite3.SQLITE_IOERR: "cannot be written to: its disk fails",
}
_PRIMARY = 0xFF  # the number without what SQLite adds to it


def trouble_of(error: BaseException) -> str:
    """What is wrong with the store, as the end of a sentence about it."""
    number = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    return "does not answer" if number is None else _TROUBLES.get(number & _PRIMARY, "does not answer")
