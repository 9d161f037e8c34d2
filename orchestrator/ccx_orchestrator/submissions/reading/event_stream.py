"""The events of a submission as one stream, whoever has it: this node, another one, or none any more.

A reader is known by the place it has come to and nothing else, and every source goes on after a place: so it may pass
from one to the next, when a submission moves, without missing anything or having it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from ccx import events as wire
from ccx.backoff import Backoff
from ccx.errors import StoreUnavailable, SubmissionNotFound
from ccx_orchestrator.domain.events import Started
from ccx_orchestrator.ports.nodes import NodeLost
from ccx_orchestrator.submissions.active_registry import ActiveRegistry
from ccx_orchestrator.submissions.events.journal import EventId, Journal
from ccx_orchestrator.submissions.reading.lookup import Lookup
from ccx_orchestrator.submissions.shared_store.work_sharing import LOOK_AGAIN_SECONDS, Notifications, wait_a_while

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
POSITION_SECONDS = 0.5
LOOKING = Backoff(0.1, LOOK_AGAIN_SECONDS)


@dataclass(frozen=True, slots=True)
class Line:
    """One event for the wire."""

    id: str | None
    kind: str
    document: bytes

    @classmethod
    def of(cls, event: wire.Event) -> Line:
        """One that is the wire's already."""
        return cls(event.id, event.type, event.model_dump_json().encode())


Lines = AsyncGenerator[list[Line]]


@dataclass(slots=True)
class _Reader:
    submission_id: str
    after: EventId | None
    has_ended: bool = False


class EventStream:
    """Reads journals: those of this node's submissions, those that are kept, and through other nodes theirs."""

    def __init__(self, active: ActiveRegistry, notifications: Notifications, lookup: Lookup) -> None:
        self._active = active
        self._notifications = notifications
        self._lookup = lookup

    async def journal(self, submission_id: str, after: EventId | None = None) -> Journal:
        """All that was told of a submission and, while it lives here, will be, for one who has come to that place; an
        abandoned one where another node has it. Raises SubmissionNotFound or StoreUnavailable.
        """
        if (live := self._active.here(submission_id)) and (
            after is None or after.attempt <= live.journal.attempt or await self._lookup.url(submission_id) is None
        ):
            return live.journal
        return await self._lookup.journal(submission_id)

    async def lines(
        self, submission_id: str, journal: Journal, after: EventId | None, *, asks_others: bool = True
    ) -> Lines:
        """All that comes after that place, to the end, in batches; an empty one wherever it is silent for long. It
        begins with that journal. It breaks off where the node shuts down, the submission is forgotten or, without
        `asks_others`, another node has it.
        """
        reader = _Reader(submission_id, after)
        async with aclosing(self._from_here(journal, reader)) as batches:
            async for batch in batches:
                yield batch
        pauses = LOOKING.pauses()
        while asks_others and not reader.has_ended and not self._notifications.is_closed:
            yield []
            news, before = self._notifications.of(submission_id), reader.after
            try:
                async with aclosing(await self._wherever(reader)) as batches:
                    async for batch in batches:
                        yield batch
            except SubmissionNotFound:
                return
            except (NodeLost, StoreUnavailable) as error:
                log.debug("cannot follow a submission", submission=submission_id, reason=str(error))
            if not reader.has_ended:
                await wait_a_while(news, next(pauses))
            if reader.after != before:
                pauses = LOOKING.pauses()

    async def _wherever(self, reader: _Reader) -> Lines:
        journal = await self.journal(reader.submission_id, reader.after)
        url = await self._lookup.url(reader.submission_id) if journal.is_abandoned else None
        return self._from_there(url, reader) if url else self._from_here(journal, reader)

    async def _from_here(self, journal: Journal, reader: _Reader) -> Lines:
        is_waiting = True
        told_position: int | None = None
        while True:
            while entries := journal.since(reader.after):
                reader.after = entries[-1].id
                is_waiting = is_waiting and not any(isinstance(entry.told, Started) for entry in entries)
                yield [Line(str(entry.id), entry.kind, entry.json) for entry in entries]
            if journal.is_complete:
                reader.has_ended = journal.has_ended
                return
            try:
                async with asyncio.timeout(POSITION_SECONDS if is_waiting else HEARTBEAT_SECONDS):
                    await journal.wait_for_news(reader.after)
            except TimeoutError:
                position = self._active.position(reader.submission_id)
                if position is None or position == told_position:
                    yield []
                    continue
                told_position = position
                yield [Line.of(wire.Queued(submission_id=reader.submission_id, position=position))]

    async def _from_there(self, url: str, reader: _Reader) -> Lines:
        """What the node at that URL tells, for as long as it has the submission. Raises NodeLost."""
        async with aclosing(self._lookup.events(url, reader.submission_id, reader.after)) as events:
            moved = asyncio.create_task(self._until_moved(url, reader.submission_id))
            coming: asyncio.Task[wire.Event | None] | None = None
            try:
                while True:
                    coming = coming or asyncio.create_task(_next(events))
                    await asyncio.wait({coming, moved}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                    if moved.done():
                        moved.result()
                        return
                    if not coming.done():
                        yield []
                        continue
                    event, coming = coming.result(), None
                    if event is None:
                        return
                    reader.after = EventId.parse(event.id or "") or reader.after
                    reader.has_ended = isinstance(event, wire.Done)
                    yield [Line.of(event)]
            finally:
                await _end(moved, coming)

    async def _until_moved(self, url: str, submission_id: str) -> None:
        """Until the node at that URL has the submission no more, or this one shuts down."""
        while not self._notifications.is_closed:
            news = self._notifications.of(submission_id)
            try:
                if await self._lookup.url(submission_id) != url:
                    return
            except StoreUnavailable as error:
                log.debug("cannot look who has a submission", submission=submission_id, reason=str(error))
            await wait_a_while(news)


async def _next(events: AsyncGenerator[wire.Event]) -> wire.Event | None:
    return await anext(events, None)


async def _end(*tasks: asyncio.Task[wire.Event | None] | asyncio.Task[None] | None) -> None:
    left = [task for task in tasks if task is not None]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
