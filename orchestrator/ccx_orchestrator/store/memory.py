"""Submissions in memory: gone with the process, bounded in number and bytes."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from ccx.errors import KeyReused
from ccx.wire import State, Submission, SubmissionRequest, SubmissionSummary
from ccx_orchestrator.domain.ticket import Ticket, size_of
from ccx_orchestrator.ports.callbacks import AT_ONCE, LONGEST_PAUSE, Callback
from ccx_orchestrator.ports.store import Filter, News
from ccx_orchestrator.store.memory_tokens import MemoryTokens

MAX_FINISHED = 10_000
MAX_FINISHED_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Finished:
    submission: Submission
    journal: bytes
    ticket: Ticket
    at: float
    size: int


@dataclass(frozen=True, slots=True)
class _Call:
    callback: Callback
    due_at: datetime


class MemoryStore:
    """`ports.Store`, `Queue` and `Outbox`. Keeps every unfinished submission, and the newest of the finished ones: so
    many, so many bytes with all that they were asked with, and for so long.
    """

    is_durable = False
    is_shared = False
    trouble = ""

    def __init__(
        self,
        max_finished: int = MAX_FINISHED,
        max_finished_bytes: int = MAX_FINISHED_BYTES,
        max_seconds: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_finished = max_finished
        self._max_bytes = max_finished_bytes
        self._max_seconds = max_seconds
        self._clock = clock
        self._unfinished: dict[str, Ticket] = {}
        self._finished: OrderedDict[str, _Finished] = OrderedDict()
        self._keys: dict[tuple[str, str], tuple[str, str]] = {}
        self._calls: dict[str, _Call] = {}
        self._bytes = 0
        self.tokens = MemoryTokens()

    async def accept(self, ticket: Ticket) -> str:
        """See `ports.Store`."""
        if ticket.key:
            named = (ticket.client, ticket.key.text)
            digest, submission_id = self._keys.setdefault(named, (ticket.key.digest, ticket.id))
            if digest != ticket.key.digest:
                raise KeyReused(
                    f"The idempotency key {ticket.key.text!r} was used for another request. Choose a new one."
                )
            if submission_id != ticket.id:
                return submission_id
        self._unfinished[ticket.id] = ticket
        return ticket.id

    async def finish(self, submission: Submission, journal: bytes) -> None:
        """See `ports.Store`."""
        ticket = self._unfinished.get(submission.id)
        if ticket is None or ticket.attempt != submission.attempt:
            return
        del self._unfinished[submission.id]
        size = weight(submission) + len(journal) + size_of(ticket.request)
        self._finished[submission.id] = _Finished(submission, journal, ticket, self._clock(), size)
        self._bytes += size
        if url := ticket.request.callback_url:
            self._calls[submission.id] = _Call(Callback(submission.id, url, 0), AT_ONCE)
        while len(self._finished) > 1 and self._has_too_much():
            self._forget_oldest()

    async def get(self, submission_id: str) -> Submission | None:
        """See `ports.Store`."""
        if finished := self._finished.get(submission_id):
            return finished.submission
        ticket = self._unfinished.get(submission_id)
        return None if ticket is None else _unfinished(ticket)

    async def journal(self, submission_id: str) -> bytes | None:
        """See `ports.Store`."""
        finished = self._finished.get(submission_id)
        return None if finished is None else finished.journal

    async def request(self, submission_id: str) -> SubmissionRequest | None:
        """See `ports.Store`."""
        ticket = self._ticket(submission_id)
        return None if ticket is None else ticket.request

    async def client_of(self, submission_id: str) -> str | None:
        """See `ports.Store`."""
        ticket = self._ticket(submission_id)
        return None if ticket is None else ticket.client

    def _ticket(self, submission_id: str) -> Ticket | None:
        finished = self._finished.get(submission_id)
        return finished.ticket if finished else self._unfinished.get(submission_id)

    async def page(self, which: Filter, limit: int) -> tuple[SubmissionSummary, ...]:
        """See `ports.Store`."""
        lines = [_summary(_unfinished(ticket), ticket) for ticket in self._unfinished.values()]
        lines += [_summary(finished.submission, finished.ticket) for finished in self._finished.values()]
        newest = sorted((line for line in lines if _is_in(line, which)), key=lambda line: line.id, reverse=True)
        return tuple(newest[:limit])

    async def claim(self, submission_id: str) -> int | None:
        """See `ports.Queue`."""
        if (ticket := self._unfinished.get(submission_id)) is None:
            return None
        self._unfinished[submission_id] = replace(ticket, attempt=ticket.attempt + 1)
        return ticket.attempt + 1

    async def steal(self, languages: tuple[str, ...], limit: int) -> tuple[Ticket, ...]:  # noqa: ARG002
        """See `ports.Queue`: there is no other node."""
        return ()

    async def take_over(self, languages: tuple[str, ...]) -> tuple[Ticket, ...]:  # noqa: ARG002
        """See `ports.Queue`: nothing outlives a process."""
        return ()

    async def whereabouts(self, submission_id: str) -> str | None:  # noqa: ARG002
        """See `ports.Queue`: there is no other node."""
        return None

    async def cancel(self, submission_id: str) -> None:
        """See `ports.Queue`: there is no other node."""

    async def listen(self, hear: Callable[[News], None]) -> None:  # noqa: ARG002
        """See `ports.Queue`: there is no other node."""
        await asyncio.Event().wait()

    async def due(self, now: datetime, lease_seconds: float, limit: int) -> tuple[Callback, ...]:
        """See `ports.Outbox`."""
        oldest = (self._calls[name] for name in sorted(self._calls))
        some = list(islice((one for one in oldest if not now < one.due_at <= now + LONGEST_PAUSE), limit))
        for call in some:
            leased = replace(call, due_at=now + timedelta(seconds=lease_seconds))
            self._calls[call.callback.submission] = leased
        return tuple(call.callback for call in some)

    async def settle(self, submission_id: str, again_at: datetime | None) -> None:
        """See `ports.Outbox`."""
        call = self._calls.pop(submission_id, None)
        if call and again_at:
            tried = replace(call.callback, tries=call.callback.tries + 1)
            self._calls[submission_id] = _Call(tried, again_at)

    def _has_too_much(self) -> bool:
        oldest = next(iter(self._finished.values()))
        is_old = self._clock() - oldest.at > self._max_seconds
        return is_old or len(self._finished) > self._max_finished or self._bytes > self._max_bytes

    def _forget_oldest(self) -> None:
        submission_id, oldest = self._finished.popitem(last=False)
        self._bytes -= oldest.size
        self._calls.pop(submission_id, None)
        if oldest.ticket.key:
            self._keys.pop((oldest.ticket.client, oldest.ticket.key.text), None)


def _unfinished(ticket: Ticket) -> Submission:
    return Submission(
        id=ticket.id,
        state=State.RUNNING if ticket.attempt else State.QUEUED,
        language=ticket.request.language,
        attempt=ticket.attempt,
        created_at=ticket.created_at,
    )


def _summary(submission: Submission, ticket: Ticket) -> SubmissionSummary:
    return SubmissionSummary.of(submission, ticket.request.priority, ticket.client)


def _is_in(line: SubmissionSummary, which: Filter) -> bool:
    return (
        (which.state is None or line.state is which.state)
        and (which.verdict is None or line.verdict is which.verdict)
        and (which.language is None or line.language == which.language)
        and (which.client is None or line.client == which.client)
        and (which.before is None or line.id < which.before)
    )


def weight(submission: Submission) -> int:
    """About how many bytes a result takes: its texts, and what there is of every one."""
    steps = (*submission.cases, *((submission.compile,) if submission.compile else ()))
    texts = sum(len(step.stdout) + len(step.stderr) for step in steps)
    return 3_000 + texts + sum(len(artifact.content) for artifact in submission.artifacts)
