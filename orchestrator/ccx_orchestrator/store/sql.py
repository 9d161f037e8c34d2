"""Submissions in a database: what all databases have in common. Each answer of a write is one that is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ccx.errors import KeyReused
from ccx.wire import State, Submission, SubmissionRequest, SubmissionSummary
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.ports.callbacks import AT_ONCE, LONGEST_PAUSE, Callback
from ccx_orchestrator.ports.store import Filter, News, NewsKind
from ccx_orchestrator.store import rows
from ccx_orchestrator.store.blobs import pack, unpack
from ccx_orchestrator.store.database import Database, SafeAccess
from ccx_orchestrator.store.group_commit import GroupCommit, Write
from ccx_orchestrator.store.schema import touch
from ccx_orchestrator.store.tables import callbacks, idempotency_keys, requests, results, submissions, unfinished
from ccx_orchestrator.store.tokens import SqlTokens


@dataclass(frozen=True, slots=True)
class _Arrival:
    ticket: Ticket
    body: bytes


@dataclass(frozen=True, slots=True)
class _End:
    submission: Submission
    body: bytes
    journal: bytes


_ENDING = (
    update(submissions)
    .where(
        submissions.c.id == bindparam("of"),
        submissions.c.owner == bindparam("by"),
        submissions.c.attempt == bindparam("at_attempt"),
        unfinished,
    )
    .values(
        state=State.DONE,
        owner=None,
        verdict=bindparam("ended_verdict"),
        message=bindparam("ended_message"),
        language=bindparam("ended_language"),
        language_version=bindparam("ended_version"),
        node=bindparam("ended_node"),
        started_at=bindparam("ended_started_at"),
        finished_at=bindparam("ended_at"),
    )
    .returning(submissions.c.callback_url)
)


class SqlStore(SafeAccess):
    """`ports.Store`, `ports.Queue` and `ports.Outbox` on a database that no other node uses at the same time."""

    is_durable = True
    is_shared = False

    def __init__(self, database: Database, owner: str) -> None:
        super().__init__(database)
        self.tokens = SqlTokens(self)
        self._owner = owner
        self._accept = Write("accept", self._apply_accept)
        self._claim = Write("claim", self._apply_claim)
        self._finish = Write("finish", self._apply_finish)
        self._writer = GroupCommit(database, (self._accept, self._claim, self._finish), touch)

    async def close(self) -> None:
        """Finish the writes that are under way."""
        await self._writer.close()

    @property
    def trouble(self) -> str:
        """See `ports.Store`."""
        return self._writer.trouble

    # Store

    async def accept(self, ticket: Ticket) -> str:
        """See `ports.Store`."""
        return await self._writer.write(self._accept, _Arrival(ticket, await rows.pack_request(ticket.request)))

    async def finish(self, submission: Submission, journal: bytes) -> None:
        """See `ports.Store`."""
        body = await pack(submission.model_dump_json(exclude_defaults=True).encode())
        await self._writer.write(self._finish, _End(submission, body, await pack(journal)))

    async def get(self, submission_id: str) -> Submission | None:
        """See `ports.Store`."""
        query = (
            select(submissions, results.c.body)
            .outerjoin_from(submissions, results, submissions.c.id == results.c.id)
            .where(submissions.c.id == submission_id)
        )
        row = next(iter(await self.read(query)), None)
        if row is None or row.body is not None:
            return None if row is None else await rows.result_of(row.body)
        return rows.unfinished_of(row)

    async def journal(self, submission_id: str) -> bytes | None:
        """See `ports.Store`."""
        found = await self.read(select(results.c.journal).where(results.c.id == submission_id))
        return await unpack(found[0].journal) if found else None

    async def request(self, submission_id: str) -> SubmissionRequest | None:
        """See `ports.Store`."""
        found = await self.read(select(requests.c.body).where(requests.c.id == submission_id))
        return await rows.request_of(found[0].body) if found else None

    async def client_of(self, submission_id: str) -> str | None:
        """See `ports.Store`."""
        found = await self.read(select(submissions.c.client).where(submissions.c.id == submission_id))
        return None if not found else str(found[0].client)

    async def page(self, which: Filter, limit: int) -> tuple[SubmissionSummary, ...]:
        """See `ports.Store`."""
        columns = submissions.c
        query = select(submissions).order_by(columns.id.desc()).limit(limit)
        if which.state is not None:
            query = query.where(columns.state == which.state)
        if which.state is not None and which.state is not State.DONE:
            query = query.where(unfinished)  # says to the database that the small index will do
        if which.verdict is not None:
            query = query.where(columns.verdict == which.verdict)
        if which.language is not None:
            query = query.where(columns.language == which.language)
        if which.client is not None:
            query = query.where(columns.client == which.client)
        if which.before is not None:
            query = query.where(columns.id < which.before)
        return tuple(rows.summary_of(row) for row in await self.read(query))

    # Queue

    async def claim(self, submission_id: str) -> int | None:
        """See `ports.Queue`."""
        return await self._writer.write(self._claim, submission_id)

    async def steal(self, languages: tuple[str, ...], limit: int) -> tuple[Ticket, ...]:  # noqa: ARG002
        """See `ports.Queue`: there is no other node."""
        return ()

    async def take_over(self, languages: tuple[str, ...]) -> tuple[Ticket, ...]:  # noqa: ARG002
        """See `ports.Queue`: all that another process of this node left, also in languages it serves no more."""
        lost = select(submissions.c.id).where(submissions.c.owner != self._owner)
        return await tickets_of(await self.transact(lambda connection: self._adopt(connection, lost)))

    async def whereabouts(self, submission_id: str) -> str | None:  # noqa: ARG002
        """See `ports.Queue`: there is no other node."""
        return None

    async def cancel(self, submission_id: str) -> None:
        """See `ports.Queue`: there is no other node."""

    async def listen(self, hear: Callable[[News], None]) -> None:  # noqa: ARG002
        """See `ports.Queue`: there is no other node."""
        await asyncio.Event().wait()

    # Outbox

    async def due(self, now: datetime, lease_seconds: float, limit: int) -> tuple[Callback, ...]:
        """See `ports.Outbox`."""
        has_come = or_(callbacks.c.due_at <= now, callbacks.c.due_at > now + LONGEST_PAUSE)
        some = select(callbacks.c.submission).where(has_come).order_by(callbacks.c.submission).limit(limit)
        lease = (
            update(callbacks)
            .where(callbacks.c.submission.in_(some.with_for_update(skip_locked=True)))
            .values(due_at=now + timedelta(seconds=lease_seconds))
            .returning(callbacks)
        )
        if not await self.read(some):  # nearly always: not worth a transaction that writes
            return ()
        found = await self.transact(lambda connection: connection.execute(lease).all())
        return tuple(Callback(row.submission, row.url, row.tries) for row in found)

    async def settle(self, submission_id: str, again_at: datetime | None) -> None:
        """See `ports.Outbox`."""
        this = callbacks.c.submission == submission_id
        later = update(callbacks).where(this).values(tries=callbacks.c.tries + 1, due_at=again_at)
        change = delete(callbacks).where(this) if again_at is None else later
        await self.transact(lambda connection: connection.execute(change))

    # What goes into one transaction

    def _apply_accept(self, connection: Connection, arrivals: list[_Arrival]) -> list[str | Exception]:
        outcomes = [self._keep_key(connection, one.ticket) if one.ticket.key else one.ticket.id for one in arrivals]
        fresh = [one for one, outcome in zip(arrivals, outcomes, strict=True) if outcome == one.ticket.id]
        if fresh:
            connection.execute(insert(submissions), [rows.row_of(one.ticket, self._owner) for one in fresh])
            connection.execute(insert(requests), [{"id": one.ticket.id, "body": one.body} for one in fresh])
        if any(not one.ticket.attempt for one in fresh):
            self._tell(connection, NewsKind.QUEUED)
        return outcomes

    def _keep_key(self, connection: Connection, ticket: Ticket) -> str | Exception:
        """The id that the ticket's key now stands for, or why it cannot be used."""
        if ticket.key is None:
            return ticket.id
        keys = idempotency_keys.c
        row = {
            "client": ticket.client,
            "key": ticket.key.text,
            "digest": ticket.key.digest,
            "submission": ticket.id,
            "created_at": ticket.created_at,
        }
        if (connection.execute(_insert_unless_there(connection), [row])).rowcount == 1:
            return ticket.id
        earlier = select(idempotency_keys).where(keys.client == ticket.client, keys.key == ticket.key.text)
        found = (connection.execute(earlier)).one()
        if found.digest != ticket.key.digest:
            return KeyReused(f"The idempotency key {ticket.key.text!r} was used for another request. Choose a new one.")
        return str(found.submission)

    def _apply_claim(self, connection: Connection, ids: list[str]) -> list[int | Exception | None]:
        claim = (
            update(submissions)
            .where(submissions.c.id.in_(ids), submissions.c.owner == self._owner, unfinished)
            .values(state=State.RUNNING, attempt=submissions.c.attempt + 1)
            .returning(submissions.c.id, submissions.c.attempt)
        )
        attempts = {row.id: row.attempt for row in connection.execute(claim)}
        return [attempts.get(submission_id) for submission_id in ids]

    def _apply_finish(self, connection: Connection, ends: list[_End]) -> list[Exception | None]:
        kept, calls = [], []
        for end in ends:
            outcome = rows.outcome_of(end.submission) | {"by": self._owner}
            if (row := connection.execute(_ENDING, outcome).one_or_none()) is None:
                continue  # not this node's to give, or given before
            name = end.submission.id
            kept.append({"id": name, "body": end.body, "journal": end.journal})
            if row.callback_url:
                calls.append({"submission": name, "url": row.callback_url, "tries": 0, "due_at": AT_ONCE})
        if kept:
            connection.execute(insert(results), kept)
            self._tell(connection, NewsKind.DONE, tuple(str(one["id"]) for one in kept))
        if calls:
            connection.execute(insert(callbacks), calls)
        return [None] * len(ends)

    def _tell(self, connection: Connection, kind: NewsKind, submissions_: tuple[str, ...] = ()) -> None:
        """Tell other nodes, once this transaction is committed: there are none."""

    def _adopt(self, connection: Connection, lost: Select[Any]) -> list[Any]:
        """Become the owner of these, as waiting ones; their rows, with their requests."""
        adopt = (
            update(submissions)
            .where(submissions.c.id.in_(lost))
            .values(owner=self._owner, state=State.QUEUED)
            .returning(submissions.c.id)
        )
        adopted = [row.id for row in connection.execute(adopt)]
        if adopted:
            self._tell(connection, NewsKind.ADOPTED, tuple(adopted))
        return with_requests(connection, adopted)


def _insert_unless_there(connection: Connection) -> Any:
    kind = postgresql if connection.dialect.name == "postgresql" else sqlite
    return kind.insert(idempotency_keys).on_conflict_do_nothing()


def with_requests(connection: Connection, ids: list[str]) -> list[Any]:
    """The rows of these submissions, with the bodies of their requests."""
    if not ids:
        return []
    query = select(submissions, requests.c.body).join_from(submissions, requests, submissions.c.id == requests.c.id)
    return list(connection.execute(query.where(submissions.c.id.in_(ids)).order_by(submissions.c.id)).all())


async def tickets_of(found: list[Any]) -> tuple[Ticket, ...]:
    """Of rows of `submissions` with the bodies of their requests."""
    return tuple([await rows.ticket_of(row) for row in found])
