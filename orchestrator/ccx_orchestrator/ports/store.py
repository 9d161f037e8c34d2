"""Where submissions are kept, and what nodes that share one store agree upon: implement `Keeper` for a new store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ccx.wire import State, Submission, SubmissionRequest, SubmissionSummary, Verdict
from ccx_orchestrator.domain.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Filter:
    """Which submissions a list is of; None is any. `before` is an id: those that were accepted before it."""

    state: State | None = None
    verdict: Verdict | None = None
    language: str | None = None
    before: str | None = None
    client: str | None = None


class Store(Protocol):
    """Submissions by id. Writes are whole: a reader sees a submission before or after a write, never between.

    When a write has returned it outlives the process, where the store is durable at all. Each may be called many times
    at once, and raises StoreUnavailable where the store does not answer: then the write may or may not have happened,
    and may be repeated. A caller that is cancelled does not undo its write.
    """

    @property
    def trouble(self) -> str:
        """Why it cannot be written to, as the end of a sentence about it; empty while it can."""

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

    async def request(self, submission_id: str) -> SubmissionRequest | None:
        """What was asked for, sources included; None where there is no such submission (any more)."""

    async def client_of(self, submission_id: str) -> str | None:
        """Who sent the submission, or None where there is none (any more)."""

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
