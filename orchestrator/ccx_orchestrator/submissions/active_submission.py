"""A submission in the hands of this node."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from ccx.wire import State, Submission, SubmissionSummary
from ccx_orchestrator.domain.dispatch import Lane
from ccx_orchestrator.domain.events import Event, Queued
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.domain.transcript import Transcript
from ccx_orchestrator.submissions.console import Console
from ccx_orchestrator.submissions.events.journal import Journal
from ccx_orchestrator.submissions.request_context import NOBODY, RequestContext


class Phase(Enum):
    """Where a submission is on its way through this node. It only goes on, never back."""

    WAITING = auto()  # for a slot
    RUNNING = auto()  # it has one
    ENDING = auto()  # its verdict is known, and its result is being kept
    ENDED = auto()  # its result is kept, and everybody may see it
    GIVEN_AWAY = auto()  # another node has it, or will


@dataclass(slots=True)
class ActiveSubmission:
    """One that has not ended, or still holds its slot.

    `lane` is where it can run. `is_stored` is set when the store has it; `is_claimed` says that no other node may run
    it, `claiming` settles that and `attempt`. `task` runs it, for as long as it holds a slot. `last_told` is set when
    nothing more will be told of what ran, after an end that came from outside.
    """

    ticket: Ticket
    transcript: Transcript
    journal: Journal
    attempt: int
    is_claimed: bool
    lane: Lane
    context: RequestContext = NOBODY
    is_stored: asyncio.Event = field(default_factory=asyncio.Event)
    last_told: asyncio.Event = field(default_factory=asyncio.Event)
    claiming: asyncio.Task[None] | None = None
    task: asyncio.Task[None] | None = None
    ending: asyncio.Task[None] | None = None
    expiry: asyncio.TimerHandle | None = None
    admitted_at: datetime | None = None
    phase: Phase = Phase.WAITING
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, ticket: Ticket, plan: Plan, *, is_claimed: bool, context: RequestContext = NOBODY) -> ActiveSubmission:
        """One that is about to wait or to run. Claiming counts the attempt up, and its journal is of that one."""
        transcript = Transcript(ticket.id, plan, ticket.created_at)
        journal = Journal(ticket.attempt if is_claimed else ticket.attempt + 1)
        lane = Lane.of(plan, is_forwarded=context.master is not None)
        return cls(ticket, transcript, journal, ticket.attempt, is_claimed, lane, context)

    @property
    def has_slot(self) -> bool:
        """Whether it holds one, if only until its sandbox is gone."""
        return self.task is not None

    @property
    def has_verdict(self) -> bool:
        """Whether it is known what became of it, though that may not be kept yet."""
        return self.transcript.state is State.DONE

    @property
    def is_over(self) -> bool:
        """Whether this node has no more to do for it than to clear up."""
        return self.phase in {Phase.ENDED, Phase.GIVEN_AWAY}

    async def over(self) -> None:
        """Wait until it is."""
        await self._over.wait()

    def start(self, task: asyncio.Task[None], now: datetime) -> None:
        """It has its slot."""
        self.phase, self.task, self.admitted_at = Phase.RUNNING, task, now

    def take(self, event: Event, now: datetime) -> Event:
        """Fold an event in; what was made of it. With the last one it is ending."""
        kept = self.transcript.add(event, now)
        if self.has_verdict and not self.is_over:
            self.phase = Phase.ENDING
        return kept

    def end(self) -> None:
        """Its result is kept."""
        self.phase = Phase.ENDED
        self._over.set()

    def give_away(self) -> None:
        """It is another node's: who reads of it here goes on there."""
        self.phase = Phase.GIVEN_AWAY
        self._over.set()
        self.journal.abandon()

    def restart(self) -> None:
        """What was told so far is void: it begins anew, on another node, in the attempt that was claimed for it."""
        self.transcript = Transcript(self.id, self.transcript.plan, self.ticket.created_at)
        self.journal.restart(self.attempt)
        self.journal.add(Queued(self.id, None))

    @property
    def master(self) -> str | None:
        """The node that sent it here, if one did."""
        return self.context.master

    @property
    def console(self) -> Console | None:
        """Where it is typed to, if it is."""
        return self.context.console

    @property
    def is_attended(self) -> bool:
        """Whether somebody waits for it who could not ask again."""
        return self.context.is_attended or self.console is not None

    @property
    def id(self) -> str:
        """The submission's id."""
        return self.ticket.id

    def result(self) -> Submission:
        """The submission as its events tell it."""
        return self.transcript.submission().model_copy(update={"attempt": self.attempt})

    def view(self, position: int | None) -> Submission:
        """The submission as anyone may see it: its end only once that is kept."""
        now: dict[str, object] = {"attempt": self.attempt}
        if self.transcript.state is State.QUEUED:
            now["queue_position"] = position
        elif self.phase is Phase.ENDING:
            now |= {"state": State.RUNNING, "verdict": None, "message": None, "finished_at": None}
        return self.transcript.submission().model_copy(update=now)

    def summary(self) -> SubmissionSummary:
        """A line of a list, without its place in the queue."""
        return SubmissionSummary.of(self.view(None), self.ticket.request.priority, self.ticket.client)

    def line(self, line: SubmissionSummary, position: int | None) -> SubmissionSummary:
        """A line of a list, with what the store cannot know yet."""
        if line.state is State.DONE:
            return line
        now = self.view(position)
        names = ("state", "language_version", "node", "queue_position", "attempt", "started_at")
        return line.model_copy(update={name: getattr(now, name) for name in names})

    def starting_seconds(self, now: datetime) -> tuple[float, float]:
        """How long it waited for its slot, and then, until now, for its sandbox."""
        admitted_at = self.admitted_at or now
        waited, took = admitted_at - self.ticket.created_at, now - admitted_at
        return max(0.0, waited.total_seconds()), max(0.0, took.total_seconds())  # the clock may have been set back
