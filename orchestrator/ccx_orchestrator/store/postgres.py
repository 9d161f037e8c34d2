"""A PostgreSQL server that several masters share. Who is alive is told by leases, on the clock of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import structlog
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    cast,
    delete,
    extract,
    func,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ccx.errors import StoreUnavailable
from ccx.wire import State
from ccx_orchestrator.domain.addresses import url_of
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.ports.store import News, NewsKind
from ccx_orchestrator.store.access_records import AccessRecords
from ccx_orchestrator.store.database import AsyncDatabase, SafeAccess, unavailable
from ccx_orchestrator.store.schema import BadDatabase, migrate
from ccx_orchestrator.store.sql import SqlStore, tickets_of, with_requests
from ccx_orchestrator.store.tables import owners, submissions, unfinished

log = structlog.get_logger(__name__)

CHANNEL = "ccx"
CONNECTIONS = 8
CONNECT_SECONDS = 5
# A notification has at most 8000 bytes.
IDS_A_NOTIFICATION = 200
# A connection that was cut without a word is noticed by this.
LISTENING_CHECK_SECONDS = 10.0

_now = cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)


def _can_be_run_with(languages: tuple[str, ...]) -> tuple[ColumnElement[bool], ...]:
    """Of the submissions that these languages suffice for, to be run and to be judged."""
    columns = submissions.c
    judges = func.string_to_array(columns.judged_in, " ", type_=ARRAY(Text))
    return columns.language.in_(languages), judges.contained_by(cast(array(languages), ARRAY(Text)))


class PostgresStore(SqlStore):
    """`SqlStore`, shared. `name` is for whoever reads the table of owners, `url` for those who share it."""

    is_shared = True

    def __init__(self, database: AsyncDatabase, owner: str, name: str, lease_seconds: float, url: str | None) -> None:
        super().__init__(database, owner)
        self._reader = database.reader
        self._name = name
        self._url = url
        self._lease_milliseconds = int(lease_seconds * 1000)

    async def close(self) -> None:
        """Finish the writes that are under way, and give up the lease: what is left is anybody's at once."""
        await super().close()
        with suppress(StoreUnavailable):  # then the lease ends by itself
            leave = delete(owners).where(owners.c.id == self._owner)
            await self.transact(lambda connection: connection.execute(leave))

    async def steal(self, languages: tuple[str, ...], limit: int) -> tuple[Ticket, ...]:
        """See `ports.Queue`. Clients take turns here as well."""
        columns = submissions.c
        may = (columns.state == State.QUEUED, columns.owner != self._owner, *_can_be_run_with(languages))
        running = (
            select(columns.client, func.count().label("count"))
            .where(unfinished, columns.state == State.RUNNING)
            .group_by(columns.client)
            .subquery()
        )
        place = func.row_number().over(partition_by=(columns.priority, columns.client), order_by=columns.id)
        line = (
            select(columns.id, columns.priority, (place + func.coalesce(running.c.count, 0)).label("turn"))
            .outerjoin_from(submissions, running, running.c.client == columns.client)
            .where(unfinished, *may)
            .subquery()
        )
        some = (
            select(columns.id)
            .join(line, line.c.id == columns.id)
            .where(*may)
            .order_by(line.c.priority.desc(), line.c.turn, columns.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=submissions)
        )

        def claim(connection: Connection) -> list[Any]:
            found = [row.id for row in connection.execute(some)]
            if not found:
                return []
            connection.execute(
                update(submissions)
                .where(columns.id.in_(found))
                .values(owner=self._owner, state=State.RUNNING, attempt=columns.attempt + 1)
            )
            self._tell(connection, NewsKind.TAKEN, tuple(found))
            return with_requests(connection, found)

        return await tickets_of(await self.transact(claim))

    async def take_over(self, languages: tuple[str, ...]) -> tuple[Ticket, ...]:
        """See `ports.Queue`."""
        columns = submissions.c
        lost = (
            select(columns.id)
            .where(unfinished, columns.owner.not_in(select(owners.c.id)), *_can_be_run_with(languages))
            .with_for_update(skip_locked=True)
        )
        beat = insert(owners).values(id=self._owner, name=self._name, url=self._url, beat_at=_now)

        def renew_and_adopt(connection: Connection) -> list[Any]:
            connection.execute(beat.on_conflict_do_update(index_elements=["id"], set_={"beat_at": _now}))
            connection.execute(delete(owners).where(owners.c.beat_at < _now - self._lease_milliseconds))
            return self._adopt(connection, lost)

        return await tickets_of(await self.transact(renew_and_adopt))

    async def whereabouts(self, submission_id: str) -> str | None:
        """See `ports.Queue`."""
        query = (
            select(owners.c.url)
            .join_from(submissions, owners, submissions.c.owner == owners.c.id)
            .where(submissions.c.id == submission_id, owners.c.id != self._owner)
        )
        row = next(iter(await self.read(query)), None)
        return None if row is None else row.url

    async def cancel(self, submission_id: str) -> None:
        """See `ports.Queue`."""
        await self.transact(lambda connection: self._tell(connection, NewsKind.CANCEL, (submission_id,)))

    async def listen(self, hear: Callable[[News], None]) -> None:
        """See `ports.Queue`."""

        def on_notification(_connection: Any, _process: int, _channel: str, payload: str) -> None:
            sender, kind, *names = payload.split()
            if sender != self._owner:
                hear(News(NewsKind(kind), tuple(names)))

        try:
            async with self._reader.connect() as connection:
                raw = await connection.get_raw_connection()
                driver: Any = raw.driver_connection
                await driver.add_listener(CHANNEL, on_notification)
                try:
                    while True:
                        await asyncio.sleep(LISTENING_CHECK_SECONDS)
                        await connection.execute(text("SELECT 1"))
                finally:
                    # Not back to the pool: whoever had it next would listen as well.
                    driver.terminate()
                    await connection.invalidate()
        except (SQLAlchemyError, OSError) as error:
            raise unavailable(error) from error

    def _tell(self, connection: Connection, kind: NewsKind, submissions_: tuple[str, ...] = ()) -> None:
        for start in range(0, max(1, len(submissions_)), IDS_A_NOTIFICATION):
            words = (self._owner, kind, *submissions_[start : start + IDS_A_NOTIFICATION])
            connection.execute(select(func.pg_notify(CHANNEL, " ".join(words))))


@asynccontextmanager
async def open_postgres(
    url: str,
    owner: str,
    name: str,
    lease_seconds: float,
    reached_at: str | None = None,
    port: int = 0,
    *,
    is_encrypted: bool = False,
) -> AsyncIterator[PostgresStore]:
    """The store on that server, for as long as the context lasts. Raises BadDatabase.

    Other masters are told to reach this one at the URL `reached_at`; without, at the address that the server sees it
    call from, on this port (0: not at all).
    """
    async with _connected(url, f"ccx {name}", CONNECTIONS) as (engine, seen_at):
        if reached_at is None and port and seen_at:  # it has none where it calls through a Unix socket
            reached_at = url_of(seen_at, port, is_encrypted=is_encrypted)
        store = PostgresStore(AsyncDatabase(engine), owner, name, lease_seconds, reached_at)
        try:
            yield store
        finally:
            await store.close()


@asynccontextmanager
async def open_postgres_access(url: str) -> AsyncIterator[AccessRecords]:
    """Who may come in, whether masters run or not. Raises BadDatabase."""
    async with _connected(url, "ccx access", 1) as (engine, _):
        yield AccessRecords.of(SafeAccess(AsyncDatabase(engine)))


@asynccontextmanager
async def _connected(url: str, application: str, connections: int) -> AsyncIterator[tuple[AsyncEngine, str | None]]:
    """The server, with the tables as this version knows them, and the address it sees us call from. Raises
    BadDatabase.
    """
    address = make_url(url)

    async def connect() -> Any:
        # The driver reads the URL itself, for all that libpq knows of one: sslmode, sslrootcert and others.
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS, server_settings={"application_name": application})

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=connections, max_overflow=0, pool_pre_ping=True
    )
    try:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
                seen_at = (await connection.execute(select(func.host(func.inet_client_addr())))).scalar_one()
        except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            where = address.render_as_string(hide_password=True)
            raise BadDatabase(
                f"The database {where} cannot be used: {_reason(error)}. See CCX_DATABASE_URL."
            ) from error
        yield engine, seen_at
    finally:
        await engine.dispose()


def _reason(error: Exception) -> str:
    text_ = str(getattr(error, "orig", None) or error)
    return text_.splitlines()[0].rstrip(".") if text_ else type(error).__name__
