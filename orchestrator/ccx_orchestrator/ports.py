"""What the use cases need from outside, in their own words. Each port has a contract suite in `tests/contract`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ccx import events as wire
from ccx.wire import LanguageInfo, NodeInfo, NodeReport, State, Submission, SubmissionSummary, Usage, Verdict
from ccx_orchestrator.domain.controls import Control
from ccx_orchestrator.domain.dispatch import Lane
from ccx_orchestrator.domain.events import Event, Restarted
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.ticket import Ticket

Emit = Callable[[Event], Awaitable[None]]
EmitAnew = Callable[[Event | Restarted], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which submissions a list is of; None is any. `before` is an id: those that were accepted before it."""

    state: State | None = None
    verdict: Verdict | None = None
    language: str | None = None
    before: str | None = None


class Store(Protocol):
    """Submissions by id. Writes are whole: a reader sees a submission before or after a write, never between.

    When a write has returned it outlives the process, where the store is durable at all. Each may be called many times
    at once, and raises StoreUnavailable where the store does not answer: then the write may or may not have happened,
    and may be repeated. A caller that is cancelled does not undo its write.
    """

    async def accept(self, ticket: Ticket) -> str:
        """Keep a submission that is to be run; its id, or that of the one which came before with the same key.

        One with attempt 1 is claimed with it. Raises KeyReused where the key was used for another request.
        """

    async def finish(self, submission: Submission, journal: bytes) -> None:
        """Keep the result, with the record of its events. It has no effect but for the node that has claimed the
        submission, in the attempt it names, and only once: so there is never more than one result.
        """

    async def get(self, submission_id: str) -> Submission | None:
        """The submission, or None where there is none (any more). Its output is there when it is done."""

    async def journal(self, submission_id: str) -> bytes | None:
        """The record of a finished submission's events; None where there is none."""

    async def page(self, which: Filter, limit: int) -> tuple[SubmissionSummary, ...]:
        """The newest of those, newest first."""


class NewsKind(StrEnum):
    """What other nodes tell."""

    QUEUED = "queued"
    TAKEN = "taken"
    ADOPTED = "adopted"
    DONE = "done"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class News:
    """Something happened on another node: work waits there, or it took these, or has them from one that is gone, or
    they ended, or are to be cancelled.
    """

    kind: NewsKind
    submissions: tuple[str, ...] = ()


class Queue(Protocol):
    """What nodes that share one store agree upon: who runs what. A store that is not shared has only one node.

    Raises StoreUnavailable as `Store` does.
    """

    is_durable: bool
    is_shared: bool

    async def claim(self, submission_id: str) -> int | None:
        """Have the right to run one that this node accepted, took over or runs: the number of the attempt, a new one
        each time. None where another node has it, or it has ended.
        """

    async def steal(self, languages: tuple[str, ...], limit: int) -> tuple[Ticket, ...]:
        """Claim up to so many that wait on other nodes, the most urgent and oldest first."""

    async def take_over(self, languages: tuple[str, ...]) -> tuple[Ticket, ...]:
        """Say that this node lives, and become responsible for what nodes that do not any more have left: oldest first.

        Their next attempt is still to be claimed. To be called at the start and then every few seconds.
        """

    async def whereabouts(self, submission_id: str) -> str | None:
        """The URL of the other node that has this submission; None where this one has it, or nobody any more, or one
        that has told no URL.
        """

    async def cancel(self, submission_id: str) -> None:
        """Ask the node that has this submission to cancel it."""

    async def listen(self, hear: Callable[[News], None]) -> None:
        """Hear what other nodes tell, until cancelled. News may be lost: look for yourself now and then as well."""


class Keeper(Store, Queue, Protocol):
    """Both: whoever keeps submissions knows who runs them."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A result to be told to someone: the `tries` before this one failed."""

    submission: str
    url: str
    tries: int


class Outbox(Protocol):
    """Callbacks that are still to be made; each stands here from the moment its submission ends."""

    async def due(self, now: datetime, lease_seconds: float, limit: int) -> tuple[Callback, ...]:
        """Some whose time has come. They are nobody else's, and not due again, for that long."""

    async def settle(self, submission_id: str, again_at: datetime | None) -> None:
        """It was made, or given up (None); or it is to be tried again then."""


class Controls(Protocol):
    """What a user does to a program while it runs. At most the input window of `ccx.messages` is untaken at a time."""

    async def next(self) -> Control:
        """The next thing to do; waits for it."""

    def taken(self, amount: int) -> None:
        """The program has taken so many bytes of what was typed."""


class Executor(Protocol):
    """Runs plans, each in a sandbox of its own.

    `run` emits the events of `domain.events` in order and ends with exactly one Finished, then releases all it
    acquired, and only then returns. Cancelling it ends the sandbox at once; it then emits nothing more. What the
    program does wrong is in the events; what goes wrong with us is raised: EngineUnavailable, ImageMissing, or
    SandboxLost.
    """

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        """Run one plan. May run many at a time. An interactive plan, and only that, has controls."""

    async def check(self) -> None:
        """Raise EngineUnavailable unless a run could start now."""


class Attempts(Protocol):
    """An executor that may try more than once, on one node after another: every Executor is one.

    Where a try came to nothing after it had told something, it emits Restarted, and begins again with Started.
    """

    async def run(self, submission_id: str, plan: Plan, emit: EmitAnew, controls: Controls | None = None) -> None:
        """See Executor."""

    async def check(self) -> None:
        """See Executor."""


class CallFailed(Exception):
    """A callback did not reach its address, or was not taken. The text is for the log."""


class Caller(Protocol):
    """Calls addresses that users name. Reaches nothing that the node's operator would not want to be reached."""

    async def call(self, url: str, body: bytes, submission_id: str, at: datetime) -> None:
        """POST a signed body. Raises CallFailed."""


class Meter(Protocol):
    """Is told what happens, to count and time it. Never slow, never raises."""

    def accepted(self, language: str) -> None:
        """A submission was taken in."""

    def refused(self, reason: str) -> None:
        """A submission was refused; `reason` is the problem's slug."""

    def started(self, language: str, waited_seconds: float, sandbox_seconds: float) -> None:
        """A sandbox has begun: how long the submission waited for its slot, and then for the sandbox."""

    def ended(self, submission: Submission) -> None:
        """A submission has its result."""

    def called_back(self, *, succeeded: bool) -> None:
        """A callback was tried."""


class Catalogue(Protocol):
    """The languages of a node. Reads only what it keeps in memory: never slow."""

    def find(self, name: str) -> Language:
        """The language of that name or alias. Raises UnknownLanguage, or ImageMissing where only its image lacks."""

    def all(self) -> tuple[LanguageInfo, ...]:
        """The languages served, by name."""

    def names(self) -> tuple[str, ...]:
        """The languages whose submissions this node may be given: those served, and those that may come to be."""


class Placement(Protocol):
    """Says where there is room. Never slow: it decides upon what it has been told."""

    def reserve(self, submission_id: str, lane: Lane) -> bool:
        """Take a place for it, until `leave`; whether there was one."""

    def has_room(self, lane: Lane) -> bool:
        """Whether `reserve` would find a place."""

    def leave(self, submission_id: str) -> None:
        """Its place, should it have one, is free."""

    def count_elsewhere(self) -> int:
        """How many have a place on another node."""


class NodeLink(Protocol):
    """The way to another node. `run` is that of an executor there, and raises NodeFull, LanguageLacking or NodeLost
    besides; the others raise a CcxError where the node does not answer as it should.
    """

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        """Run one plan there. Cancelling it ends it there as well. No control is taken before it has started."""

    async def renew(self, seconds: float) -> NodeReport:
        """Say that this node lives, and for how long the other may believe it; what the other tells of itself."""

    async def drain(self, name: str, *, on: bool) -> NodeInfo:
        """Have it finish what it has and take nothing new, or take work again."""

    def usage(self, name: str) -> AsyncIterator[Usage]:
        """What its machine is doing, a reading a second."""

    async def close(self) -> None:
        """Let go of its connections."""


class Peers(Protocol):
    """The nodes that share this one's store, by their URLs. They answer by what they know themselves, and ask nobody
    else. Both raise NodeLost where no good answer comes.
    """

    async def submission(self, url: str, submission_id: str) -> Submission:
        """A submission as that node sees it. Takes a second or two at the most."""

    def events(self, url: str, submission_id: str, after: str | None) -> AsyncGenerator[wire.Event]:
        """What that node, which has the submission, tells of it after the event of that id, to `Done`."""


class Machine(Protocol):
    """The computer this node runs on."""

    def read(self) -> Usage:
        """What it is doing since the reading before. Never slow."""


class NodeFull(Exception):
    """A node has no room for a submission, whatever it reported."""


class LanguageLacking(Exception):
    """A node has not got the language, whatever it reported."""


class NodeLost(Exception):
    """A node, or the way to it, failed before the submission had ended. The text is for the log."""


class SandboxLost(Exception):
    """A sandbox ended, or went silent, before its submission had. The text is for the log."""


class SandboxHung(SandboxLost):
    """A sandbox used up all the time its submission may take, and more: not to be tried again."""
