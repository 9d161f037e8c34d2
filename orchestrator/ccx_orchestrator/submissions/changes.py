"""Tells whoever watches that a submission was accepted, started or has ended. Costs nothing while nobody does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ccx.wire import SubmissionSummary
from ccx_orchestrator.submissions.active_submission import ActiveSubmission

KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """`number` counts changes of this process; `owner` is the client whose submission it is."""

    number: int
    owner: str
    summary: SubmissionSummary


class Changes:
    """The newest changes since somebody watches, and who that is. Numbers go on while nobody does."""

    def __init__(self) -> None:
        self._kept: deque[Change] = deque(maxlen=KEPT)
        self._listeners: set[Callable[[], None]] = set()
        self.newest = 0

    def tell(self, live: ActiveSubmission) -> None:
        """It is not as it was."""
        if live.master is not None:  # the node that sent it tells of it
            return
        if self._listeners:
            self.tell_of(live.summary())
        else:
            self.newest += 1

    def tell_of(self, summary: SubmissionSummary) -> None:
        """The same, of one that another master has."""
        self.newest += 1
        self._kept.append(Change(self.newest, summary.client or "", summary))
        for listener in self._listeners:
            listener()

    def since(self, number: int) -> list[Change] | None:
        """All after that one; None where some were not kept, or it is of another process."""
        if not self.newest - len(self._kept) <= number <= self.newest:
            return None
        return [change for change in self._kept if change.number > number]

    def listen(self, listener: Callable[[], None]) -> None:
        """Call it at each change."""
        self._listeners.add(listener)

    def leave(self, listener: Callable[[], None]) -> None:
        """Call it no more. Without a listener nothing is kept."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._kept.clear()
