"""What happens to submissions of other masters that share this one's store.

It is looked for only while somebody watches: the notifications of the store say too little, and may be lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ccx.wire import State, Submission, SubmissionSummary
from ccx_orchestrator.ports.store import Filter
from ccx_orchestrator.submissions.changes import Changes

NEWEST = 100
UNFINISHED = 200

PageOf = Callable[[Filter, int], Awaitable[tuple[SubmissionSummary, ...]]]
Get = Callable[[str], Awaitable[Submission | None]]


class OtherMasters:
    """Compares what the store has with what was told. `is_here` says which submissions this node tells of itself."""

    def __init__(self, page_of: PageOf, get: Get, changes: Changes, is_here: Callable[[str], bool]) -> None:
        self._page_of = page_of
        self._get = get
        self._changes = changes
        self._is_here = is_here
        self._known: dict[str, SubmissionSummary] | None = None
        self._heard = 0

    def forget(self) -> None:
        """Nobody watches any more."""
        self._known = None

    async def look(self) -> None:
        """Tell of what is not as it was; the first look only learns. Raises StoreUnavailable."""
        before = self._known
        now = await self._lines()
        if before is not None:
            for one, line in before.items():
                if line.state is not State.DONE and one not in now and (found := await self._get(one)):
                    now[one] = SubmissionSummary.of(found, line.priority, line.client)
            told = {change.summary.id: change.summary for change in self._changes.since(self._heard) or ()}
            for one in sorted(now):
                if not self._is_here(one) and _phase(now[one]) != _phase((before | told).get(one)):
                    self._changes.tell_of(now[one])
        self._heard = self._changes.newest
        self._known = now

    async def _lines(self) -> dict[str, SubmissionSummary]:
        """The newest, and those that have not ended."""
        asked = (
            (Filter(), NEWEST),
            (Filter(state=State.RUNNING), UNFINISHED),
            (Filter(state=State.QUEUED), UNFINISHED),
        )
        return {line.id: line for which, most in asked for line in await self._page_of(which, most)}


def _phase(line: SubmissionSummary | None) -> tuple[State, int] | None:
    return (line.state, line.attempt) if line else None
