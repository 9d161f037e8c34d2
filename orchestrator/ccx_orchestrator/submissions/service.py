"""From an accepted request to exactly one result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from structlog.contextvars import bound_contextvars

from ccx.errors import CcxError, EngineUnavailable, ProblemError, QueueFull, ShuttingDown, SubmissionNotFound
from ccx.wire import State, Submission, SubmissionRequest, SubmissionSummary, Verdict
from ccx_orchestrator.domain.dispatch import Lane
from ccx_orchestrator.domain.events import Event, Finished, Queued, Restarted, Started
from ccx_orchestrator.domain.identity import Identities
from ccx_orchestrator.domain.plan import Plan, make_interactive, make_plan
from ccx_orchestrator.domain.scheduling import Backlog, Entry
from ccx_orchestrator.domain.ticket import IdempotencyKey, Ticket, digest_of, failed, size_of
from ccx_orchestrator.ports import (
    Attempts,
    Catalogue,
    EmitAnew,
    Filter,
    Keeper,
    Meter,
    News,
    NewsKind,
    Placement,
    SandboxHung,
    SandboxLost,
)
from ccx_orchestrator.submissions import journal_storage
from ccx_orchestrator.submissions.clock import Clock, utc_now
from ccx_orchestrator.submissions.console import Console
from ccx_orchestrator.submissions.journal import Journal
from ccx_orchestrator.submissions.live import Live
from ccx_orchestrator.submissions.neighbours import Neighbours, Watches, wait_a_while
from ccx_orchestrator.submissions.pace import Pace
from ccx_orchestrator.submissions.patience import Patience
from ccx_orchestrator.submissions.rules import Rules
from ccx_orchestrator.submissions.silence import Silence
from ccx_orchestrator.submissions.slots_alone import SlotsAlone

log = structlog.get_logger(__name__)


class Submissions:
    """Accepts submissions, runs at most as many at a time as there are slots, keeps their results.

    All state changes happen between two awaits, on one event loop. Owns the tasks it starts: `drain` ends them. Where
    the store is durable, what has not ended by then is left in it, for the next node that opens it.
    """

    def __init__(
        self,
        store: Keeper,
        executor: Attempts,
        catalogue: Catalogue,
        backlog: Backlog,
        clock: Clock = utc_now,
        rules: Rules = Rules(),  # noqa: B008  (frozen)
        meter: Meter | None = None,
        placement: Placement | None = None,
        passing: Keeper | None = None,
    ) -> None:
        self._store = store
        self._passing = passing or store
        self._patient_passing = Patience(self._passing)
        self._placement = placement or SlotsAlone(backlog)
        self._patient = Patience(store)
        self._executor = executor
        self._catalogue = catalogue
        self.backlog = backlog
        self._clock = clock
        self._rules = rules
        self._meter = meter or Silence()
        self._identities = Identities()
        self._live: dict[str, Live] = {}
        self._watches = Watches()
        self._neighbours = Neighbours(store, backlog, catalogue.names, self._run_stolen, self._adopt, self._hear)
        self._pace = Pace(backlog.slots)
        self._is_open = True
        self.is_draining = False
        self._closing = asyncio.Event()
        self.engine_error: ProblemError | None = None

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Go on with what was left unfinished, and work together with other nodes, for as long as the context lasts."""
        await self._neighbours.take_over()
        living = asyncio.create_task(self._neighbours.live(), name="neighbours")
        try:
            yield
        finally:
            living.cancel()
            with suppress(asyncio.CancelledError):
                await living

    async def accept(
        self,
        request: SubmissionRequest,
        client: str = "",
        key: str | None = None,
        console: Console | None = None,
        *,
        is_attended: bool = False,
        master: str | None = None,
    ) -> Submission:
        """Take a submission in; from now on it ends with one result. With a key that the client has used before it is
        that earlier one; with a console it is interactive. `is_attended`: somebody waits for it who could not ask
        again. One that a master sends on runs here and now or is refused, and is kept in `passing` alone: should this
        node die, its master runs it elsewhere.

        Raises UnknownLanguage, ImageMissing, InvalidSubmission, KeyReused, QueueFull, EngineUnavailable,
        StoreUnavailable or ShuttingDown: then nothing was created.
        """
        try:
            plan = await self._check(request)
            if console is not None:
                plan = make_interactive(plan, request, has_terminal=console.window is not None)
            live = self._let_in(request, plan, client, key, console, master)
            live.is_attended = is_attended or console is not None
        except ProblemError as error:
            self._meter.refused(error.slug)
            raise
        try:
            kept = await (self._passing if master else self._store).accept(live.ticket)
        except BaseException as error:
            self._drop(live)
            self._meter.refused(error.slug if isinstance(error, ProblemError) else "internal-error")
            raise
        if kept != live.id:
            self._drop(live)
            return await self.get(kept)
        live.is_stored.set()
        self._arm_expiry(live)
        self._meter.accepted(plan.language.name)
        return live.view(self.backlog.position(live.id))

    async def get(self, submission_id: str) -> Submission:
        """A submission as it now stands. Raises SubmissionNotFound."""
        if live := self._here(submission_id):
            return live.view(self.backlog.position(submission_id))
        if (kept := await self._store.get(submission_id) or await self._passing.get(submission_id)) is None:
            raise SubmissionNotFound(f"There is no submission {submission_id!r} here, or no longer.")
        return kept

    async def page(self, which: Filter, limit: int) -> tuple[SubmissionSummary, ...]:
        """The newest of those, newest first."""
        lines = await self._store.page(which, limit)
        return tuple(
            live.line(one, self.backlog.position(one.id)) if (live := self._here(one.id)) else one for one in lines
        )

    async def wait(self, submission_id: str) -> Submission:
        """A submission once it has ended, here or on another node. Raises SubmissionNotFound, or ShuttingDown where
        it will go on when this node is back.
        """
        while True:
            if live := self._here(submission_id):
                await live.done.wait()
            news = self._watches.of(submission_id)
            now = await self.get(submission_id)
            if now.state is State.DONE:
                return now
            if not self._is_open and self._closing.is_set():
                raise ShuttingDown(
                    f"This node is shutting down. Submission {submission_id} is kept and goes on when a node is back;"
                    " ask for it then."
                )
            if not self._here(submission_id):
                await wait_a_while(news)

    async def journal(self, submission_id: str) -> Journal:
        """All that was told of a submission and, while it lives here, will be. One that lives on another node is
        waited for. Raises SubmissionNotFound or ShuttingDown.
        """
        if live := self._live.get(submission_id):
            return live.journal
        ended = await self.wait(submission_id)
        kept = await self._store.journal(submission_id) or await self._passing.journal(submission_id)
        return await journal_storage.from_bytes(kept, ended) if kept else journal_storage.of_result_alone(ended)

    def position(self, submission_id: str) -> int | None:
        """A submission's place in the queue, 1 being next; None where it does not wait."""
        return self.backlog.position(submission_id)

    async def cancel(self, submission_id: str) -> Submission:
        """End a submission that waits or runs; its output so far is kept. One that has ended stays as it is. Raises
        SubmissionNotFound.
        """
        if live := self._here(submission_id):
            await self._end(live, Finished(Verdict.CANCELLED, "It was cancelled."))
        now = await self.get(submission_id)
        if now.state is not State.DONE and self._store.is_shared and not self._here(submission_id):
            await self._store.cancel(submission_id)
            return await self.wait(submission_id)
        return now

    async def drain(self, seconds: float) -> bool:
        """Take nothing new, let what runs end within the deadline, end the rest; whether nothing had to be ended."""
        self._is_open = False
        waiting = [live for live in self._live.values() if live.task is None]
        tasks = {live.task for live in self._live.values() if live.task}
        for live in waiting:
            await self._put_away(live, "The node was shut down before it could run.")
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        late = [live for live in self._live.values() if live.task and not live.done.is_set()]
        for live in late:
            await self._put_away(live, "The node was shut down while it ran.")
        if endings := [live.ending for live in self._live.values() if live.ending]:
            await asyncio.wait(endings)
        if left := [live.task for live in self._live.values() if live.task]:
            await asyncio.wait(left)
        self._closing.set()
        return not late and (self._store.is_durable or not waiting)

    # Around other nodes

    @property
    def takes_new(self) -> bool:
        """Whether it accepts submissions at all."""
        return self._is_open and not self.is_draining

    @property
    def running_here(self) -> int:
        """How many hold a slot of this node."""
        return self.backlog.running - self.forwarded

    @property
    def forwarded(self) -> int:
        """How many run on other nodes."""
        return self._placement.count_elsewhere()

    def held_for(self, master: str) -> tuple[str, ...]:
        """What that master has sent and has not ended."""
        return tuple(live.id for live in self._live.values() if live.master == master)

    async def abandon(self, master: str) -> None:
        """End what a master has sent that is gone."""
        for live in [live for live in self._live.values() if live.master == master]:
            await self._end(live, Finished(Verdict.CANCELLED, "The node that sent it is gone."))

    async def give_up(self, lane: Lane, message: str) -> None:
        """End all that wait in a lane, for this reason."""
        for submission_id in self.backlog.waiting_in(lane):
            if live := self._here(submission_id):
                await self._end(live, Finished(Verdict.INTERNAL_ERROR, message))

    def start_waiting(self) -> None:
        """There may be room that was not there before: start what now can."""
        if self._is_open:
            self._start_admitted()

    # In

    async def _check(self, request: SubmissionRequest) -> Plan:
        """The plan of a request that can be run here and now."""
        if not self._is_open:
            raise ShuttingDown("This node is shutting down and takes nothing new. Try again, or try another node.")
        if self.is_draining:
            raise ShuttingDown("This node is being drained and takes nothing new. Try another node.")
        self._rules.check(request)
        plan = make_plan(request, self._catalogue.find(request.language))
        if self.engine_error is not None:
            await self._executor.check()
            self.engine_error = None
        return plan

    def _let_in(
        self,
        request: SubmissionRequest,
        plan: Plan,
        client: str,
        key: str | None,
        console: Console | None,
        master: str | None,
    ) -> Live:
        """Give it a place in the queue, or a slot where one is free: then it is claimed from the beginning. So is one
        with a console, which only this node can serve.
        """
        if request.language != plan.language.name:  # an alias
            request = request.model_copy(update={"language": plan.language.name})
        now = self._clock()
        submission_id = self._identities.next(now.timestamp())
        lane = Lane(plan.language.name, master is not None)
        has_place = self._has_place(Entry(submission_id, client, request.priority, size_of(request), lane), lane)
        claimed = 1 if has_place or console or master else 0
        ticket = Ticket(
            id=submission_id,
            request=request,
            created_at=now,
            client=client,
            attempt=claimed,
            key=IdempotencyKey(key, digest_of(request)) if key else None,
        )
        live = Live.of(ticket, plan, is_claimed=bool(claimed), console=console)
        live.master = master
        return self._enter(live)

    def _has_place(self, entry: Entry, lane: Lane) -> bool:
        """Whether there is a place for it at once. Raises QueueFull where it may not even wait for one."""
        advice = self._pace.seconds_until_free(self.backlog.waiting)
        if lane.is_forwarded:
            if self._unfinished_here() >= self.backlog.slots:
                raise QueueFull("All slots of this node are taken.", retry_after_seconds=advice)
            return True
        has_place = lane not in self.backlog.lanes() and self._placement.has_room(lane)
        self.backlog.check_room(entry, advice, has_place=has_place)
        return has_place

    def _unfinished_here(self) -> int:
        """What has or wants a slot of this node; one whose sandbox is only being removed is as good as free."""
        ending = sum(live.task is not None and live.done.is_set() for live in self._live.values())
        return self.running_here + self.backlog.waiting - ending

    def _keeper(self, live: Live) -> Patience:
        return self._patient_passing if live.master else self._patient

    def _enter(self, live: Live) -> Live:
        ticket = live.ticket
        self._live[ticket.id] = live
        self.backlog.enter(_entry(ticket, live.lane))
        self._start_admitted()
        live.journal.add(Queued(live.id, self.position(live.id)))
        return live

    def _drop(self, live: Live) -> None:
        """Undo: the store did not take it in."""
        self._give_away(live)
        if live.task is not None:
            live.task.cancel()
        self._settle(live)

    async def _adopt(self, ticket: Ticket) -> None:
        """Go on with one that a node left unfinished."""
        if ticket.id in self._live:
            return
        with bound_contextvars(submission=ticket.id):
            try:
                plan = make_plan(ticket.request, self._catalogue.find(ticket.request.language))
            except ProblemError as error:
                log.error("cannot go on with a submission", reason=str(error))  # noqa: TRY400
                await self._patient.finish(failed(ticket, str(error), self._clock()), b"")
                return
            live = self._enter(Live.of(ticket, plan, is_claimed=False))
            live.is_stored.set()
            self._arm_expiry(live)

    def _run_stolen(self, tickets: tuple[Ticket, ...]) -> None:
        """Run what was claimed from other nodes; it has its slots. Then what came here meanwhile."""
        for ticket in tickets:
            plan = make_plan(ticket.request, self._catalogue.find(ticket.request.language))
            live = Live.of(ticket, plan, is_claimed=True)
            live.is_stored.set()
            live.journal.add(Queued(live.id, None))
            self._live[ticket.id] = live
            self._start(live)
        if self._is_open:
            self._start_admitted()

    def _arm_expiry(self, live: Live) -> None:
        if (expires_at := live.ticket.expires_at) is None or live.is_claimed:
            return
        seconds = max(0.0, (expires_at - self._clock()).total_seconds())
        live.expiry = asyncio.get_running_loop().call_later(seconds, self._expire, live)

    def _expire(self, live: Live) -> None:
        if live.task is None and not live.done.is_set():
            seconds = live.ticket.request.deadline_seconds
            message = f"It could not be started within its deadline of {seconds:g} s."
            live.ending = asyncio.create_task(self._end(live, Finished(Verdict.CANCELLED, message)))

    # Running

    def _start_admitted(self) -> None:
        for submission_id in self.backlog.admit(self._reserve):
            self._start(self._live[submission_id])
        self.backlog.elsewhere = self._placement.count_elsewhere()

    def _reserve(self, submission_id: str) -> bool:
        return self._placement.reserve(submission_id, self._live[submission_id].lane)

    def _start(self, live: Live) -> None:
        live.admitted_at = self._clock()
        live.task = asyncio.create_task(self._run(live), name=f"submission {live.id}")
        # Not at the end of `_run`: a task that is cancelled before it began has none.
        live.task.add_done_callback(lambda _: self._settle(live))

    async def _run(self, live: Live) -> None:
        """Run a submission that has a slot. When this task is over, all it held is released."""

        async def emit(event: Event | Restarted) -> None:
            if isinstance(event, Restarted):
                live.restart()
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

    async def _run_or_try_again(self, live: Live, emit: EmitAnew) -> None:
        """A sandbox that is lost before anybody has seen anything of the program is replaced, once."""
        try:
            await self._executor.run(live.id, live.transcript.plan, emit, live.console)
        except SandboxLost as lost:
            if isinstance(lost, SandboxHung) or live.console or not live.transcript.has_shown_nothing:
                raise
            log.warning("sandbox lost, trying again", reason=str(lost))
            await self._executor.run(live.id, live.transcript.plan, emit)

    async def _may_run(self, live: Live) -> bool:
        """Make sure that it is this node's to run, and still worth it."""
        # A first attempt starts while the store writes it down: nobody knows its id before that is done. One with a
        # key may turn out to be another.
        if not live.is_claimed or live.ticket.key:
            await live.is_stored.wait()
        if not live.is_claimed:
            attempt = await self._patient.claim(live.id)
            if attempt is None:
                self._lose(live)
                return False
            live.attempt, live.is_claimed = attempt, True
        if live.attempt > self._rules.max_attempts:
            tries = live.attempt - 1
            await self._end(
                live, Finished(Verdict.INTERNAL_ERROR, f"The node ended {tries} times while it ran; it was given up.")
            )
            return False
        return True

    def _lose(self, live: Live) -> None:
        """Another node has it: whoever waits for it here hears of it from there."""
        self._give_away(live)
        if live.task is None:
            self._settle(live)

    def _give_away(self, live: Live) -> None:
        live.is_elsewhere = True
        live.done.set()
        live.journal.abandon()

    async def _fail(self, live: Live, error: Exception) -> None:
        log.error("submission failed", reason=str(error))
        if isinstance(error, EngineUnavailable):  # what else went wrong says nothing about the engine
            self.engine_error = error
        reason = str(error) if isinstance(error, CcxError) else "Its sandbox was lost."
        message = f"{reason} This is a fault of the service, not of the program; its log has submission {live.id}."
        await self._end(live, Finished(Verdict.INTERNAL_ERROR, message))

    async def _take(self, live: Live, event: Event) -> None:
        """Fold an event in. What comes after the end is dropped: a submission ends once."""
        if live.transcript.state is State.DONE:
            return
        kept = live.transcript.add(event, self._clock())
        if isinstance(kept, Finished):
            await self._conclude(live, kept)
            return
        live.journal.add(kept)
        if isinstance(kept, Started):
            waited, sandbox = live.starting_seconds(self._clock())
            self._meter.started(live.ticket.request.language, waited, sandbox)

    # Out

    async def _conclude(self, live: Live, finished: Finished) -> None:
        """Keep the result, and only then show it."""
        await live.is_stored.wait()
        result = live.result()
        last = live.journal.conclude(finished, result)
        entries = (*live.journal.entries, last)
        kept = await journal_storage.to_bytes(live.journal.attempt, entries)
        if not await self._keeper(live).finish(result, kept):
            self._lose(live)
            return
        live.journal.complete(last)
        live.done.set()
        self._meter.ended(result)
        self._settle(live)

    async def _end(self, live: Live, finished: Finished) -> None:
        """Give a submission its end from outside of the executor, and end what it runs. One that is ending already is
        waited for.
        """
        if live.transcript.state is State.DONE:
            await live.done.wait()
            return
        live.transcript.add(finished, self._clock())
        if live.task is None:
            self.backlog.leave(live.id)
        elif live.task is not asyncio.current_task():
            live.task.cancel()
        # Whoever asked may go away meanwhile: the end is kept all the same.
        live.ending = asyncio.create_task(self._conclude(live, finished))
        await asyncio.shield(live.ending)

    async def _put_away(self, live: Live, message: str) -> None:
        """At shutdown: leave it for the next node; or give it an end, where nothing is durable or somebody waits who
        could not ask again.
        """
        if not self._store.is_durable or live.master or live.is_attended:
            await self._end(live, Finished(Verdict.CANCELLED, message))
            return
        self._closing.set()
        self._drop(live)

    def _settle(self, live: Live) -> None:
        """Forget a submission when it has ended and nothing of it runs any more, and pass its slot on."""
        if not live.done.is_set() or (live.task is not None and not live.task.done()):
            return
        if self._live.pop(live.id, None) is None:
            return
        if live.expiry:
            live.expiry.cancel()
        self.backlog.leave(live.id)
        self._placement.leave(live.id)
        self.backlog.elsewhere = self._placement.count_elsewhere()
        self._pace.note_end(self._clock())
        if self._is_open:
            self._start_admitted()
            self._neighbours.look_for_work()

    # Around

    def _here(self, submission_id: str) -> Live | None:
        live = self._live.get(submission_id)
        return None if live is None or live.is_elsewhere else live

    def _hear(self, news: News) -> None:
        if news.kind is NewsKind.CANCEL:
            for live in [self._live[name] for name in news.submissions if name in self._live]:
                message = Finished(Verdict.CANCELLED, "It was cancelled.")
                live.ending = asyncio.create_task(self._end(live, message))
            return
        for live in [self._live[name] for name in news.submissions if name in self._live]:
            if not live.is_claimed and live.task is None:
                self._lose(live)
        if news.kind is NewsKind.DONE:
            self._watches.tell(news.submissions)


def _entry(ticket: Ticket, lane: Lane) -> Entry:
    return Entry(ticket.id, ticket.client, ticket.request.priority, size_of(ticket.request), lane)
