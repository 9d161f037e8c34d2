"""The embedded database: one file of one node, in the state directory."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event
from sqlalchemy.exc import DatabaseError

from ccx_orchestrator.store.access_records import AccessRecords
from ccx_orchestrator.store.database import SafeAccess, Transact
from ccx_orchestrator.store.schema import BadDatabase, migrate
from ccx_orchestrator.store.sql import SqlStore
from ccx_orchestrator.threads import Threads

T = TypeVar("T")
Synchronous = Literal["full", "normal"]

BUSY_SECONDS = 10
READERS = 4
_MODE = 0o600
SINGLE_READ = "ccx_single_read"


@asynccontextmanager
async def open_sqlite(path: Path, owner: str, synchronous: Synchronous) -> AsyncIterator[SqlStore]:
    """The store in that file, which is made where it is missing, for as long as the context lasts.

    With `full` what was accepted survives the loss of power, with `normal` the end of the process. Raises BadDatabase.
    """
    async with _only_user(path), _open_file(path, synchronous) as database:
        await _bring_up_to_date(path, database)
        store = SqlStore(database, owner)
        try:
            yield store
        finally:
            await store.close()


@asynccontextmanager
async def open_sqlite_access(path: Path) -> AsyncIterator[AccessRecords]:
    """Who may come in by that file, also while a node uses it. Raises BadDatabase."""
    await _make_folder(path)
    async with _open_file(path, "full") as database:
        await _bring_up_to_date(path, database)
        yield AccessRecords.of(SafeAccess(database))


async def _bring_up_to_date(path: Path, database: FileDatabase) -> None:
    try:
        await database.transact(migrate)
    except DatabaseError as error:
        raise BadDatabase(f"{path} cannot be used: {error.orig}. Move it away, or set CCX_STATE_DIR.") from error


async def _make_folder(path: Path) -> None:
    """Raises BadDatabase."""
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _not_writable(path, error) from error


def _not_writable(path: Path, error: OSError) -> BadDatabase:
    return BadDatabase(f"{path.parent} cannot be written to: {error.strerror}. Set CCX_STATE_DIR.")


@asynccontextmanager
async def _only_user(path: Path) -> AsyncIterator[None]:
    """Two nodes on one file would each take the other's work for that of a dead one."""
    await _make_folder(path)
    try:
        lock = await asyncio.to_thread(path.with_suffix(".lock").open, "w")
    except OSError as error:
        raise _not_writable(path, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadDatabase(
                f"Another node of this name uses {path}. Choose another name with --name, or another CCX_STATE_DIR."
            ) from error
        yield


class FileDatabase:
    """See `Database`. One thread writes, some read. A piece of work goes to its thread as a whole: an asynchronous
    driver hands over every single statement, which costs more than the statements do.
    """

    def __init__(self, engine: Engine, writer: ThreadPoolExecutor, readers: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{SINGLE_READ: True})
        self._writer = writer
        self._readers = readers

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transact]:
        """See `Database`."""
        connection = await self._in(self._writer, self._engine.connect)

        async def transact(work: Callable[[Connection], T]) -> T:
            def whole() -> T:
                with connection.begin():
                    return work(connection)

            return await self._in(self._writer, whole)

        try:
            yield transact
        finally:
            await self._in(self._writer, connection.close)

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """See `Database`."""

        def whole() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await self._in(self._writer, whole)

    async def read(self, query: Select[Any]) -> list[Any]:
        """See `Database`."""

        def whole() -> list[Any]:
            with self._reader.connect() as connection:
                return list(connection.execute(query).all())

        return await self._in(self._readers, whole)

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


@asynccontextmanager
async def _open_file(path: Path, synchronous: Synchronous) -> AsyncIterator[FileDatabase]:
    await asyncio.to_thread(_make_private, path)
    engine = _engine(path, synchronous)
    with Threads(1, "store writer") as writer, Threads(READERS, "store reader") as readers:
        try:
            yield FileDatabase(engine, writer, readers)
        finally:
            await asyncio.to_thread(engine.dispose)


def _make_private(path: Path) -> None:
    """Programs of users are in it, and the key of a cluster. What SQLite puts beside it has the same mode."""
    try:
        path.touch(_MODE)
        path.chmod(_MODE)
    except OSError as error:
        raise _not_writable(path, error) from error


def _engine(path: Path, synchronous: Synchronous) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        pool_size=READERS + 1,  # and the writer
        max_overflow=1,  # and whoever else writes in the writer's thread
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=wal",
            f"synchronous={synchronous}",
            "temp_store=memory",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver would begin a transaction late, and one that has read could then not always write.
        if not connection.get_execution_options().get(SINGLE_READ):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
