"""From an accepted request to exactly one result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from structlog.contextvars import bound_contextvars

from ccx.errors import EngineUnavailable, ProblemError, ShuttingDown
from ccx.wire import State, Submission, SubmissionRequest, SubmissionSummary, Verdict
from ccx_orchestrator.background import background
from ccx_orchestrator.domain.dispatch import Lane
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.planning import by_name, make_interactive, make_plan
from ccx_orchestrator.domain.scheduling import Backlog, Entry
from ccx_orchestrator.domain.submission_ids import SubmissionIds
from ccx_orchestrator.domain.ticket import IdempotencyKey, Ticket, digest_of, failed, size_of
from ccx_orchestrator.ports.languages import Catalogue
from ccx_orchestrator.ports.metering import Meter
from ccx_orchestrator.ports.nodes import Peers
from ccx_orchestrator.ports.placement import Dispatching
from ccx_orchestrator.ports.store import Filter, Keeper, News, NewsKind
from ccx_orchestrator.submissions.active_registry import ActiveRegistry
from ccx_orchestrator.submissions.active_submission import ActiveSubmission, Phase
from ccx_orchestrator.submissions.admission_policy import AdmissionPolicy
from ccx_orchestrator.submissions.changes import Changes
from ccx_orchestrator.submissions.clock import Clock, utc_now
from ccx_orchestrator.submissions.completion import Completion
from ccx_orchestrator.submissions.reading.event_stream import EventStream
from ccx_orchestrator.submissions.reading.lookup import Lookup
from ccx_orchestrator.submissions.request_context import NOBODY, RequestContext
from ccx_orchestrator.submissions.retrying_store import RetryingStore
from ccx_orchestrator.submissions.running import Runs
from ccx_orchestrator.submissions.shared_store.other_masters import OtherMasters
from ccx_orchestrator.submissions.shared_store.work_sharing import Notifications, WorkSharing, wait_a_while

log = structlog.get_logger(__name__)


class Submissions:
    """Accepts submissions, runs at most as many at a time as there are slots, keeps their results.

    All state changes happen between two awaits, on one event loop. Owns the tasks it starts: `drain` ends them. Where
    the store is durable, what has not ended by then is left in it, for the next node that opens it.
    """

    def __init__(
        self,
        store: Keeper,
        dispatcher: Dispatching,
        catalogue: Catalogue,
        backlog: Backlog,
        *,
        passing: Keeper,
        peers: Peers,
        meter: Meter,
        policy: AdmissionPolicy = AdmissionPolicy(),  # noqa: B008  (frozen)
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._passing = passing
        self._catalogue = catalogue
        self._clock = clock
        self.policy = policy
        self._meter = meter
        self._ids = SubmissionIds()
        self._notifications = Notifications()
        self._lookup = Lookup(store, passing, peers)
        self._work_sharing = WorkSharing(
            store, backlog, dispatcher, catalogue.names, self._run_stolen, self._adopt, self._hear
        )
        self._active = ActiveRegistry(backlog, dispatcher, clock, self._start, self._work_sharing.look_for_work)
        self.event_stream = EventStream(self._active, self._notifications, self._lookup)
        self._retrying = RetryingStore(store)
        self.changes = Changes()
        self.other_masters = (
            OtherMasters(store.page, store.get, self.changes, lambda one: self._active.get(one) is not None)
            if store.is_shared
            else None
        )
        self._completion = Completion(self._active, self._retrying, RetryingStore(passing), clock, meter, self.changes)
        self._runs = Runs(
            dispatcher, self._active, self._completion, self._retrying, policy, clock, meter, self.changes
        )
        self.backlog = backlog
        self.is_draining = False

    def _start(self, live: ActiveSubmission) -> None:
        self._runs.start(live)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Go on with what was left unfinished, and work together with other nodes, for as long as the context lasts."""
        await self._work_sharing.take_over()
        async with (
            background(self._work_sharing.live(), "work sharing"),
            background(self._runs.look_for_engine_for_ever(), "engine"),
        ):
            yield

    async def accept(
        self,
        request: SubmissionRequest,
        context: RequestContext = NOBODY,
    ) -> Submission:
        """Take a submission in; from now on it ends with one result. One that a master sends on runs here and now or
        is refused, and is kept in `passing` alone: should this node die, its master runs it elsewhere.

        Raises UnknownLanguage, ImageMissing, InvalidSubmission, KeyReused, QueueFull, EngineUnavailable,
        StoreUnavailable or ShuttingDown: then nothing was created.
        """
        try:
            plan = await self._check(request)
            if context.console is not None:
                plan = make_interactive(plan, request, has_terminal=context.console.window is not None)
            live = self._let_in(request, plan, context)
        except ProblemError as error:
            self._meter.refused(error.slug)
            raise
        try:
            kept = await (self._passing if context.master else self._store).accept(live.ticket)
        except BaseException as error:
            self._active.give_away(live, stops=True)
            self._meter.refused(error.slug if isinstance(error, ProblemError) else "internal-error")
            raise
        if kept != live.id:
            self._active.give_away(live, stops=True)
            return await self.get(kept)
        live.is_stored.set()
        self._completion.arm_expiry(live, was_just_accepted=True)
        self._meter.accepted(plan.language.name)
        if live.transcript.state is State.QUEUED:
            self.changes.tell(live)
        return live.view(self._active.position(live.id))

    async def get(self, submission_id: str, *, asks_others: bool = True) -> Submission:
        """A submission as it now stands, here or on the node that has it. Raises SubmissionNotFound."""
        if live := self._active.here(submission_id):
            return live.view(self._active.position(submission_id))
        return await (self._lookup.view if asks_others else self._lookup.kept)(submission_id)

    async def request(self, submission_id: str) -> SubmissionRequest:
        """What was asked for, sources included. Raises SubmissionNotFound."""
        return await self._lookup.request(submission_id)

    async def client_of(self, submission_id: str) -> str | None:
        """Who sent a submission; None where there is none (any more)."""
        if live := self._active.get(submission_id):
            return live.ticket.client
        return await self._store.client_of(submission_id) or await self._passing.client_of(submission_id)

    def owner_here(self, submission_id: str) -> str | None:
        """Who sent one that this node runs, has waiting, or has sent on; None where it has no such one."""
        live = self._active.get(submission_id)
        return live.ticket.client if live else None

    def unfinished_of(self, client: str) -> tuple[int, int]:
        """How many of that client wait here, and how many run."""
        theirs = [live for live in self._active.all() if live.ticket.client == client]
        running = sum(live.has_slot for live in theirs)
        return len(theirs) - running, running

    def bound(self, client: str, most_running: int | None) -> None:
        """From now on so many submissions of that client run at a time; None: as many as there are slots."""
        self._active.bound(client, most_running)

    async def page(self, which: Filter, limit: int) -> tuple[SubmissionSummary, ...]:
        """The newest of those, newest first."""
        lines = await self._store.page(which, limit)
        return tuple(
            live.line(line, self._active.position(line.id)) if (live := self._active.here(line.id)) else line
            for line in lines
        )

    async def wait(self, submission_id: str) -> Submission:
        """A submission once it has ended, here or on another node. Raises SubmissionNotFound, or ShuttingDown where
        it will go on when this node is back.
        """
        while True:
            if live := self._active.here(submission_id):
                await live.over()
                if live.phase is Phase.ENDED:
                    return live.view(None)
            news = self._notifications.of(submission_id)
            now = await self.get(submission_id, asks_others=False)
            if now.state is State.DONE:
                return now
            self._check_open(submission_id)
            if not self._active.here(submission_id):
                await wait_a_while(news)

    async def cancel(self, submission_id: str) -> Submission:
        """End a submission that waits or runs, here or on another node; its output so far is kept. One that has ended
        stays as it is. Raises SubmissionNotFound or ShuttingDown.
        """
        while True:
            if live := self._active.here(submission_id):
                await self._completion.end(live, Verdict.CANCELLED, "It was cancelled.")
            news = self._notifications.of(submission_id)
            now = await self.get(submission_id, asks_others=False)
            if now.state is State.DONE or not self._store.is_shared:
                return now
            self._check_open(submission_id)
            if not self._active.here(submission_id):
                await self._store.cancel(submission_id)
                await wait_a_while(news)  # a node that is gone does not hear: then ask the one that goes on with it

    async def drain(self, seconds: float) -> bool:
        """Take nothing new, let what runs end within the deadline, end the rest; whether nothing had to be ended."""
        self._active.is_open = False
        waiting = [live for live in self._active.all() if not live.has_slot]
        tasks = {live.task for live in self._active.all() if live.task}
        for live in waiting:
            await self._end_or_leave(live, "The node was shut down before it could run.")
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        late = [live for live in self._active.all() if live.has_slot and not live.is_over]
        for live in late:
            await self._end_or_leave(live, "The node was shut down while it ran.")
        if endings := [live.ending for live in self._active.all() if live.ending]:
            await asyncio.wait(endings)
        if left := [live.task for live in self._active.all() if live.task]:
            await asyncio.wait(left)
        self._notifications.close()
        return not late and (self._store.is_durable or not waiting)

    # Around other nodes

    @property
    def takes_new(self) -> bool:
        """Whether it accepts submissions at all."""
        return self._active.is_open and not self.is_draining

    @property
    def slots(self) -> int:
        """How many submissions this node runs at a time."""
        return self._active.slots

    @property
    def running(self) -> int:
        """How many hold a slot, of this node or of another."""
        return self._active.running

    @property
    def running_here(self) -> int:
        """How many hold a slot of this node."""
        return self._active.running_here

    @property
    def forwarded(self) -> int:
        """How many run on other nodes."""
        return self._active.forwarded

    @property
    def engine_error(self) -> EngineUnavailable | None:
        """Why the engine failed the last time, None while it is well."""
        return self._runs.engine_error

    @property
    def store_trouble(self) -> str:
        """What is wrong with the store, as the end of a sentence about it; empty while it is well."""
        return self._store.trouble

    def held_for(self, master: str) -> tuple[str, ...]:
        """What that master has sent and has not ended."""
        return tuple(live.id for live in self._active.all() if live.master == master)

    async def end_all_of(self, master: str) -> None:
        """End what a master has sent that is gone."""
        for live in [live for live in self._active.all() if live.master == master]:
            await self._completion.end(live, Verdict.CANCELLED, "The node that sent it is gone.")

    async def end_waiting(self, lane: Lane, message: str) -> None:
        """End all that wait in a lane, for this reason."""
        for submission_id in self.backlog.waiting_in(lane):
            if live := self._active.here(submission_id):
                await self._completion.end(live, Verdict.INTERNAL_ERROR, message)

    def start_waiting(self) -> None:
        """There may be room that was not there before: start what now can."""
        self._active.start_waiting()

    def _check_open(self, submission_id: str) -> None:
        """Raises ShuttingDown where nobody should wait for a submission here any more."""
        if self._notifications.is_closed:
            raise ShuttingDown(
                f"This node is shutting down. Submission {submission_id} is kept and goes on when a node is back;"
                " ask for it then."
            )

    # In

    async def _check(self, request: SubmissionRequest) -> Plan:
        """The plan of a request that can be run here and now."""
        if not self._active.is_open:
            raise ShuttingDown("This node is shutting down and takes nothing new. Try again, or try another node.")
        if self.is_draining:
            raise ShuttingDown("This node is being drained and takes nothing new. Try another node.")
        self.policy.check(request)
        plan = make_plan(request, self._catalogue.find)
        await self._runs.check_engine()
        return plan

    def _let_in(
        self,
        request: SubmissionRequest,
        plan: Plan,
        context: RequestContext,
    ) -> ActiveSubmission:
        """Give it a place in the queue, or a slot where one is free: then it is claimed from the beginning. So is one
        with a console, which only this node can serve.
        """
        request = by_name(request, lambda name: self._catalogue.find(name).name)
        now = self._clock()
        submission_id = self._ids.next(now.timestamp())
        lane = Lane.of(plan, is_forwarded=context.master is not None)
        entry = Entry(submission_id, context.client, request.priority, size_of(request), lane)
        has_place = self._active.has_place(entry, lane)
        claimed = 1 if has_place or context.console or context.master else 0
        ticket = Ticket(
            id=submission_id,
            request=request,
            created_at=now,
            client=context.client,
            attempt=claimed,
            key=IdempotencyKey(context.key, digest_of(request)) if context.key else None,
            is_interactive=context.console is not None,
        )
        live = ActiveSubmission.of(ticket, plan, is_claimed=bool(claimed), context=context)
        self._active.enter(live)
        return live

    async def _adopt(self, ticket: Ticket) -> None:
        """Go on with one that a node left unfinished."""
        if self._active.get(ticket.id):
            return
        with bound_contextvars(submission=ticket.id):
            try:
                plan = make_plan(ticket.request, self._catalogue.find)
            except ProblemError as error:
                await self._end_unrun(ticket, str(error))
                return
            if ticket.is_interactive:
                await self._end_unrun(ticket, "The node ended while somebody typed to it: what was typed is gone.")
                return
            live = ActiveSubmission.of(ticket, plan, is_claimed=False)
            self._active.enter(live)
            live.is_stored.set()
            self._completion.arm_expiry(live)
            self._notifications.tell((ticket.id,))

    async def _end_unrun(self, ticket: Ticket, reason: str) -> None:
        log.error("cannot go on with a submission", reason=reason)
        await self._retrying.finish(failed(ticket, reason, self._clock()), b"")

    def _run_stolen(self, tickets: tuple[Ticket, ...]) -> None:
        """Run what was claimed from other nodes; it has its slots. Then what came here meanwhile."""
        for ticket in tickets:
            plan = make_plan(ticket.request, self._catalogue.find)
            live = ActiveSubmission.of(ticket, plan, is_claimed=True)
            live.is_stored.set()
            self._active.enter_running(live)
        self._active.start_waiting()
        self._notifications.tell(ticket.id for ticket in tickets)

    async def _end_or_leave(self, live: ActiveSubmission, message: str) -> None:
        """At shutdown: leave it for the next node; or give it an end, where nothing is durable or somebody waits who
        could not ask again.
        """
        if not self._store.is_durable or live.master or live.is_attended:
            await self._completion.end(live, Verdict.CANCELLED, message)
            return
        self._notifications.close()
        self._active.give_away(live, stops=True)

    # Around

    def _hear(self, news: News) -> None:
        known = [live for name in news.submissions if (live := self._active.get(name))]
        if news.kind is NewsKind.CANCEL:
            for live in known:
                self._completion.end_soon(live, "It was cancelled.")
            return
        if news.kind is not NewsKind.ADOPTED:
            for live in known:
                if not live.is_claimed and not live.has_slot:
                    self._active.give_away(live)
        self._notifications.tell(news.submissions)
