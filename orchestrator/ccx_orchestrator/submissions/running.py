"""A submission that has a slot: is it still ours to run, what does it tell, and what if the sandbox is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog
from structlog.contextvars import bound_contextvars

from ccx.backoff import Backoff
from ccx.errors import CcxError, EngineUnavailable
from ccx.wire import Verdict
from ccx_orchestrator.domain.events import Event, Finished, Restarted, Started, StepJudged
from ccx_orchestrator.ports.execution import Emit, Executor, SandboxHung, SandboxLost
from ccx_orchestrator.ports.metering import Meter
from ccx_orchestrator.submissions.active_registry import ActiveRegistry
from ccx_orchestrator.submissions.active_submission import ActiveSubmission, Phase
from ccx_orchestrator.submissions.admission_policy import AdmissionPolicy
from ccx_orchestrator.submissions.changes import Changes
from ccx_orchestrator.submissions.clock import Clock
from ccx_orchestrator.submissions.completion import Completion
from ccx_orchestrator.submissions.retrying_store import RetryingStore

log = structlog.get_logger(__name__)

ENGINE_PAUSES = Backoff(0.5, 5.0)


class Runs:
    """Runs each submission that has a slot, in a task of its own."""

    def __init__(
        self,
        executor: Executor,
        active: ActiveRegistry,
        completion: Completion,
        store: RetryingStore,
        policy: AdmissionPolicy,
        clock: Clock,
        meter: Meter,
        changes: Changes,
    ) -> None:
        self._executor = executor
        self._active = active
        self._completion = completion
        self._store = store
        self._policy = policy
        self._clock = clock
        self._meter = meter
        self._changes = changes
        self.engine_error: EngineUnavailable | None = None
        self._engine_failed = asyncio.Event()

    async def check_engine(self) -> None:
        """Where the engine failed the last time, raise EngineUnavailable unless it is back."""
        if self.engine_error is not None:
            await self._executor.check()
            log.info("the engine answers again")
            self.engine_error = None
            self._engine_failed.clear()

    async def look_for_engine_for_ever(self) -> None:
        """See that an engine that failed is back: a node that is known to be in trouble may be sent nothing that would
        show it.
        """
        while True:
            await self._engine_failed.wait()
            for pause_seconds in ENGINE_PAUSES.pauses():
                await asyncio.sleep(pause_seconds)
                with suppress(EngineUnavailable):
                    await self.check_engine()
                    break

    def start(self, live: ActiveSubmission) -> None:
        """Run it. When its task is over, all it held is released."""
        task = asyncio.create_task(self._run(live), name=f"submission {live.id}")
        live.start(task, self._clock())
        # Not at the end of `_run`: a task that is cancelled before it began has none.
        task.add_done_callback(lambda _: self._active.release(live))
        task.add_done_callback(lambda _: live.last_told.set())

    async def _run(self, live: ActiveSubmission) -> None:
        async def emit(event: Event | Restarted) -> None:
            if isinstance(event, Restarted):
                await self._begin_anew(live)
            else:
                await self._take(live, event)

        with bound_contextvars(submission=live.id):
            try:
                if await self._may_run(live):
                    await self._run_or_try_again(live, emit)
            except asyncio.CancelledError:
                log.debug("submission ended early")
            except (CcxError, SandboxLost) as error:
                await self._fail(live, error)
            except Exception as error:  # a fault of ours must not leave a submission without an end
                log.exception("submission failed by a fault in the node")
                await self._fail(live, error)

    async def _run_or_try_again(self, live: ActiveSubmission, emit: Emit) -> None:
        """A sandbox that is lost before anybody has seen anything of the program is replaced, once."""
        try:
            await self._executor.run(live.id, live.transcript.plan, emit, live.console)
        except SandboxLost as lost:
            if isinstance(lost, SandboxHung) or live.console or not live.transcript.has_shown_nothing:
                raise
            log.warning("sandbox lost, trying again", reason=str(lost))
            await self._executor.run(live.id, live.transcript.plan, emit)

    async def _may_run(self, live: ActiveSubmission) -> bool:
        """Make sure that it is this node's to run, and still worth it."""
        # A first attempt starts while the store writes it down: nobody knows its id before that is done. One with a
        # key may turn out to be another.
        if not live.is_claimed or live.ticket.key:
            await live.is_stored.wait()
        if not live.is_claimed:
            await self._claim(live)
            if not live.is_claimed:
                self._active.give_away(live)
                return False
        if live.attempt > self._policy.max_attempts:
            message = f"The node ended {live.attempt - 1} times while it ran; it was given up."
            await self._completion.end(live, Verdict.INTERNAL_ERROR, message)
            return False
        return True

    async def _begin_anew(self, live: ActiveSubmission) -> None:
        """What was told is void, and what comes is another attempt, whose number no other node may give to its own."""
        if live.has_verdict:
            return
        await live.is_stored.wait()
        await self._claim(live)
        if live.is_claimed:
            live.restart()
            self._changes.tell(live)
        else:
            self._active.give_away(live, stops=True)

    async def _claim(self, live: ActiveSubmission) -> None:
        """Have the right to run it, in a new attempt, unless another node has it. Should it be cancelled meanwhile, the
        claim goes on: the end has to name the attempt that the store knows.
        """

        async def claim() -> None:
            attempt = await self._store.claim(live.id)
            live.is_claimed = attempt is not None
            live.attempt = attempt or live.attempt

        live.claiming = asyncio.create_task(claim(), name=f"claiming {live.id}")
        await asyncio.shield(live.claiming)

    async def _fail(self, live: ActiveSubmission, error: Exception) -> None:
        log.error("submission failed", reason=str(error))
        if isinstance(error, EngineUnavailable):  # what else went wrong says nothing about the engine
            self.engine_error = error
            self._engine_failed.set()
        reason = str(error) if isinstance(error, CcxError) else "Its sandbox was lost."
        message = f"{reason} This is a fault of the service, not of the program; its log has submission {live.id}."
        await self._completion.end(live, Verdict.INTERNAL_ERROR, message)

    async def _take(self, live: ActiveSubmission, event: Event) -> None:
        """Fold an event in. A submission ends once: after that nothing counts but what its last step has used."""
        if live.has_verdict:
            if isinstance(event, StepJudged) and not live.last_told.is_set():
                live.journal.add(live.take(event, self._clock()))
                live.last_told.set()
            return
        if live.phase is Phase.GIVEN_AWAY:
            return
        kept = live.take(event, self._clock())
        if isinstance(kept, Finished):
            await self._completion.keep(live, kept)
            return
        live.journal.add(kept)
        if isinstance(kept, Started):
            waited, sandbox = live.starting_seconds(self._clock())
            self._meter.started(live.ticket.request.language, waited, sandbox)
            self._changes.tell(live)
