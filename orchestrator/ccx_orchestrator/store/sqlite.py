"""The embedded database: one file of one node, in the state directory."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import URL, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ccx_orchestrator.store.schema import BadDatabase, migrate
from ccx_orchestrator.store.sql import SqlStore

Synchronous = Literal["full", "normal"]

BUSY_SECONDS = 10
CACHE_KIBIBYTES = 16 * 1024
READERS = 4
SINGLE_READ = "ccx_single_read"


@asynccontextmanager
async def open_sqlite(path: Path, owner: str, synchronous: Synchronous) -> AsyncIterator[SqlStore]:
    """The store in that file, which is made where it is missing, for as long as the context lasts.

    With `full` what was accepted survives the loss of power, with `normal` the end of the process. Raises BadDatabase.
    """
    async with _only_user(path), _engine(path, synchronous) as engine:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
        except DatabaseError as error:
            raise BadDatabase(f"{path} cannot be used: {error.orig}. Move it away, or set CCX_STATE_DIR.") from error
        store = SqlStore(engine, engine.execution_options(**{SINGLE_READ: True}), owner)
        try:
            yield store
        finally:
            await store.close()


@asynccontextmanager
async def _only_user(path: Path) -> AsyncIterator[None]:
    """Two nodes on one file would each take the other's work for that of a dead one."""
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
        lock = await asyncio.to_thread(path.with_suffix(".lock").open, "w")
    except OSError as error:
        raise BadDatabase(f"{path.parent} cannot be written to: {error.strerror}. Set CCX_STATE_DIR.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadDatabase(
                f"Another node of this name uses {path}. Choose another name with --name, or another CCX_STATE_DIR."
            ) from error
        yield


@asynccontextmanager
async def _engine(path: Path, synchronous: Synchronous) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=READERS + 1,  # and the writer
        max_overflow=0,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=wal",
            f"synchronous={synchronous}",
            f"cache_size=-{CACHE_KIBIBYTES}",
            "temp_store=memory",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # The driver would begin a transaction late, and one that has read could then not always write.
        if not connection.get_execution_options().get(SINGLE_READ):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        yield engine
    finally:
        await engine.dispose()
