"""The one end of each submission: the result is kept, and only then shown."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from ccx.wire import Submission, Verdict
from ccx_orchestrator.domain.events import Finished
from ccx_orchestrator.ports.metering import Meter
from ccx_orchestrator.submissions.active_registry import ActiveRegistry
from ccx_orchestrator.submissions.active_submission import ActiveSubmission
from ccx_orchestrator.submissions.changes import Changes
from ccx_orchestrator.submissions.clock import Clock
from ccx_orchestrator.submissions.events import journal_codec
from ccx_orchestrator.submissions.retrying_store import RetryingStore

LAST_FIGURES_SECONDS = 1.0  # for what was cancelled to tell what it has used, on another node as well

log = structlog.get_logger(__name__)


class Completion:
    """Ends submissions, from inside or outside of what runs them. `passing` keeps what a master has sent."""

    def __init__(
        self,
        active: ActiveRegistry,
        store: RetryingStore,
        passing: RetryingStore,
        clock: Clock,
        meter: Meter,
        changes: Changes,
    ) -> None:
        self._active = active
        self._store = store
        self._passing = passing
        self._clock = clock
        self._meter = meter
        self._changes = changes

    async def keep(self, live: ActiveSubmission, finished: Finished) -> None:
        """Keep the result of one whose events are complete, and only then show it."""
        await live.is_stored.wait()
        if live.claiming:
            await asyncio.wait({live.claiming})
        result = live.result()
        last = live.journal.conclude(finished, result)
        entries = (*live.journal.entries, last)
        kept = await journal_codec.to_bytes(live.journal.attempt, entries)
        keeper = self._passing if live.master else self._store
        if not await keeper.finish(result, kept):
            self._active.give_away(live)
            return
        live.journal.complete(last)
        live.end()
        self._meter.ended(result, live.ticket.client)
        self._changes.tell(live)
        log.info("submission ended", **_line(live, result))
        self._active.release(live)

    async def end(self, live: ActiveSubmission, verdict: Verdict, message: str) -> None:
        """Give a submission its end from outside of the executor, and end what it runs. One that is ending already is
        waited for.
        """
        if live.has_verdict:
            await live.over()
            return
        finished = Finished(verdict, message)
        live.take(finished, self._clock())
        if live.task is None:
            self._active.backlog.leave(live.id)
        elif live.task is asyncio.current_task():
            live.last_told.set()
        else:
            live.task.cancel()
        # Whoever asked may go away meanwhile: the end is kept all the same.
        live.ending = asyncio.create_task(self._keep_soon(live, finished))
        await asyncio.shield(live.ending)

    async def _keep_soon(self, live: ActiveSubmission, finished: Finished) -> None:
        """Keep its result once what ran has told what it used, or is taking too long to."""
        if live.has_slot:
            with suppress(TimeoutError):
                await asyncio.wait_for(live.last_told.wait(), LAST_FIGURES_SECONDS)
        live.last_told.set()
        await self.keep(live, finished)

    def end_soon(self, live: ActiveSubmission, message: str) -> None:
        """End it as cancelled, without waiting for that."""
        live.ending = asyncio.create_task(self.end(live, Verdict.CANCELLED, message))

    def arm_expiry(self, live: ActiveSubmission, *, was_just_accepted: bool = False) -> None:
        """Cancel it at its client's deadline, should it not have been started by then. One that was just accepted has
        all of its time, even if somebody has set the clock since.
        """
        seconds = live.ticket.request.deadline_seconds
        if seconds is None or live.is_claimed:
            return
        if not was_just_accepted:
            seconds -= (self._clock() - live.ticket.created_at).total_seconds()
        live.expiry = asyncio.get_running_loop().call_later(max(0.0, seconds), self._expire, live)

    def _expire(self, live: ActiveSubmission) -> None:
        if not live.has_slot and not live.is_over:
            seconds = live.ticket.request.deadline_seconds
            self.end_soon(live, f"It could not be started within its deadline of {seconds:g} s.")


def _line(live: ActiveSubmission, result: Submission) -> dict[str, object]:
    """What an operator wants to see of a submission that has ended."""
    began, ended = result.started_at, result.finished_at
    return {
        "submission": live.id,
        "language": result.language,
        "verdict": None if result.verdict is None else result.verdict.value,
        "seconds": round((ended - began).total_seconds(), 3) if began and ended else None,
        "client": live.ticket.client,
        "node": result.node,
    }
