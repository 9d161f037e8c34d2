"""Who is here, and what place each has: in the queue, in a slot of this node, or in one of another."""

from __future__ import annotations

from collections.abc import Callable

from ccx.errors import QueueFull
from ccx_orchestrator.domain.dispatch import Lane
from ccx_orchestrator.domain.events import Queued
from ccx_orchestrator.domain.scheduling import Backlog, Entry
from ccx_orchestrator.domain.ticket import Ticket, size_of
from ccx_orchestrator.ports.placement import Placement
from ccx_orchestrator.submissions.active_submission import ActiveSubmission, Phase
from ccx_orchestrator.submissions.clock import Clock
from ccx_orchestrator.submissions.retry_after import RetryAdvice


class ActiveRegistry:
    """The submissions in the hands of this node. `start` is called for each that gets a slot, `look_for_work` when one
    has left and nothing here wants its slot.
    """

    def __init__(
        self,
        backlog: Backlog,
        placement: Placement,
        clock: Clock,
        start: Callable[[ActiveSubmission], None],
        look_for_work: Callable[[], None],
    ) -> None:
        self.backlog = backlog
        self.is_open = True
        self._placement = placement
        self._clock = clock
        self._start = start
        self._look_for_work = look_for_work
        self._pace = RetryAdvice(placement.slots)
        self._live: dict[str, ActiveSubmission] = {}
        self._placed_of: dict[str, set[str]] = {}  # by client: those that have a slot
        self._most_placed: dict[str, int] = {}

    def all(self) -> list[ActiveSubmission]:
        """All that have not ended, or still hold their slot."""
        return list(self._live.values())

    def get(self, submission_id: str) -> ActiveSubmission | None:
        """One of them, also where another node has it by now."""
        return self._live.get(submission_id)

    def here(self, submission_id: str) -> ActiveSubmission | None:
        """One of them that is this node's to end."""
        live = self._live.get(submission_id)
        return None if live is None or live.phase is Phase.GIVEN_AWAY else live

    def position(self, submission_id: str) -> int | None:
        """A submission's place in the queue, 1 being next; None where it does not wait."""
        return self.backlog.position(submission_id)

    @property
    def running_here(self) -> int:
        """How many hold a slot of this node."""
        return self.running - self.forwarded

    @property
    def running(self) -> int:
        """How many hold a slot, of this node or of another."""
        return sum(live.has_slot for live in self._live.values())

    @property
    def slots(self) -> int:
        """How many submissions this node runs at a time."""
        return self._placement.slots

    @property
    def forwarded(self) -> int:
        """How many run on other nodes."""
        return self._placement.count_elsewhere()

    def has_place(self, entry: Entry, lane: Lane) -> bool:
        """Whether there is a place for it at once. Raises QueueFull where it may not even wait for one."""
        advice = self._pace.seconds_until_free(self.backlog.waiting)
        if lane.is_forwarded:
            if self._unfinished_here() >= self.slots:
                raise QueueFull("All slots of this node are taken.", retry_after_seconds=advice)
            return True
        has_place = lane not in self.backlog.lanes() and self._placement.has_room(lane)
        self.backlog.check_room(entry, advice, has_place=has_place)
        return has_place

    def _unfinished_here(self) -> int:
        """What has or wants a slot of this node; one whose sandbox is only being removed is as good as free."""
        ending = sum(live.has_slot and live.is_over for live in self._live.values())
        return self.running_here + self.backlog.waiting - ending

    def enter(self, live: ActiveSubmission) -> None:
        """Let it in: it waits, or starts at once."""
        self._live[live.id] = live
        self.backlog.enter(entry_of(live.ticket, live.lane))
        self.start_waiting()
        live.journal.add(Queued(live.id, self.position(live.id)))

    def enter_running(self, live: ActiveSubmission) -> None:
        """Start one that was claimed from another node: a slot was kept back for it until now."""
        self._live[live.id] = live
        self._reserve(live.id)
        live.journal.add(Queued(live.id, None))
        self._start(live)

    def start_waiting(self) -> None:
        """Start what now can."""
        if not self.is_open:
            return
        for submission_id in self.backlog.admit(self._reserve, self._may_run):
            self._start(self._live[submission_id])

    def bound(self, client: str, most: int | None) -> None:
        """From now on so many submissions of that client have a slot at a time; None: as many as there are."""
        if most is None:
            self._most_placed.pop(client, None)
        else:
            self._most_placed[client] = most

    def _may_run(self, client: str) -> bool:
        most = self._most_placed.get(client)
        return most is None or len(self._placed_of.get(client, ())) < most

    def _reserve(self, submission_id: str) -> bool:
        live = self._live[submission_id]
        if not self._placement.reserve(submission_id, live.lane):
            return False
        self._placed_of.setdefault(live.ticket.client, set()).add(submission_id)
        return True

    def _leave_place(self, live: ActiveSubmission) -> None:
        self._placement.leave(live.id)
        placed = self._placed_of.get(live.ticket.client, set())
        placed.discard(live.id)
        if not placed:
            self._placed_of.pop(live.ticket.client, None)

    def give_away(self, live: ActiveSubmission, *, stops: bool = False) -> None:
        """It is not this node's any more. `stops`: whatever it has going here ends."""
        live.give_away()
        if stops:
            for task in (live.claiming, live.task):
                if task is not None:
                    task.cancel()
        self.release(live)

    def release(self, live: ActiveSubmission) -> None:
        """Forget a submission when it is over and nothing of it runs any more, and pass its slot on."""
        if not live.is_over or (live.task is not None and not live.task.done()):
            return
        if self._live.pop(live.id, None) is None:
            return
        if live.expiry:
            live.expiry.cancel()
        self.backlog.leave(live.id)
        self._leave_place(live)
        self._pace.note_end(self._clock())
        if self.is_open:
            self.start_waiting()
            self._look_for_work()


def entry_of(ticket: Ticket, lane: Lane) -> Entry:
    """What the queue has to know of a submission."""
    return Entry(ticket.id, ticket.client, ticket.request.priority, size_of(ticket.request), lane)
