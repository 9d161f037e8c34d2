"""Who waits, and whose turn it is. Decisions only: whoever asks carries them out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from itertools import count

from ccx.errors import QueueFull

NO_BYTES_BOUND = 1 << 62

Reserve = Callable[[str], bool]
MayRun = Callable[[str], bool]


def _anybody(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Entry:
    """What the order of the queue depends on: a higher `priority` goes first, `client` is whose turn it is. Those that
    can run in the same places share a `lane`: one without a place left does not hold up the others.
    """

    submission: str
    client: str = ""
    priority: int = 0
    size_bytes: int = 0
    lane: Hashable = None


class Ring:
    """Clients who take turns; each has its own queue for every lane, first in, first out."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, dict[Hashable, OrderedDict[str, int]]] = OrderedDict()
        self._turns = count()

    def add(self, entry: Entry) -> None:
        """Put it at the end of its client's queue; a client who had none takes the last turn."""
        lanes = self._queues.setdefault(entry.client, {})
        lanes.setdefault(entry.lane, OrderedDict())[entry.submission] = next(self._turns)

    def first(self, closed: Collection[Hashable], may_run: MayRun = _anybody) -> str | None:
        """The next one that is not in a closed lane, of a client who may have one more that runs."""
        for client, lanes in self._queues.items():
            if not may_run(client):
                continue
            heads = [next(iter(queue.items())) for lane, queue in lanes.items() if lane not in closed]
            if heads:
                return min(heads, key=lambda head: head[1])[0]
        return None

    def take(self, entry: Entry) -> None:
        """It has its turn; its client goes to the end of the ring."""
        self.remove(entry)
        if entry.client in self._queues:
            self._queues.move_to_end(entry.client)

    def remove(self, entry: Entry) -> None:
        """Take this one out of its turn."""
        lanes = self._queues[entry.client]
        del lanes[entry.lane][entry.submission]
        if not lanes[entry.lane]:
            del lanes[entry.lane]
        if not lanes:
            del self._queues[entry.client]

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not self._queues

    def count(self) -> int:
        """How many wait."""
        return sum(len(queue) for lanes in self._queues.values() for queue in lanes.values())

    def before(self, entry: Entry) -> int:
        """How many go before this one, if nobody else comes and there is room in every lane."""
        own = self._queues[entry.client]
        turn = own[entry.lane][entry.submission]
        rank = sum(len(queue) - _later(queue, turn) for queue in own.values()) - 1
        total, is_earlier = rank, True
        for client, lanes in self._queues.items():
            if client == entry.client:
                is_earlier = False
            else:
                total += min(sum(map(len, lanes.values())), rank + is_earlier)
        return total


def _later(queue: OrderedDict[str, int], turn: int) -> int:
    """How many came after that turn. Looked for from the end: mostly it is asked about who has just come."""
    later = 0
    for other in reversed(queue.values()):
        if other <= turn:
            break
        later += 1
    return later


class Backlog:
    """The queue: priorities, within them clients in turn, with bounds on what may wait.

    A submission is known here from `enter` until it is admitted or leaves. Who has which slot is `dispatch`'s to know.
    """

    def __init__(self, bound: int, bound_bytes: int = NO_BYTES_BOUND) -> None:
        self._bound = bound
        self._bound_bytes = bound_bytes
        self._waiting: dict[str, Entry] = {}
        self._waiting_of: dict[str, int] = {}
        self._rings: dict[int, Ring] = {}
        self.waiting_bytes = 0

    @property
    def bound(self) -> int:
        """How many may wait."""
        return self._bound

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def check_room(self, entry: Entry, retry_after_seconds: float, *, has_place: bool) -> None:
        """Raises QueueFull, with the given advice. `has_place` says whether it would not have to wait at all.

        A client with nothing in the queue gets a tenth more than the bounds say: others who fill it do not lock it out.
        """
        is_new = entry.client not in self._waiting_of
        room = self._bound + (self._bound // 10 if is_new else 0) + int(has_place)
        room_bytes = self._bound_bytes + (self._bound_bytes // 10 if is_new else 0)
        advice = f"Try again in {retry_after_seconds:.0f} s."
        if len(self._waiting) >= room:
            raise QueueFull(
                f"{len(self._waiting)} submissions wait already. {advice}", retry_after_seconds=retry_after_seconds
            )
        if self._waiting and self.waiting_bytes + entry.size_bytes > room_bytes:
            raise QueueFull(
                f"{self.waiting_bytes} bytes of submissions wait already. {advice}",
                retry_after_seconds=retry_after_seconds,
            )

    def enter(self, entry: Entry) -> None:
        """Let a submission in, whatever the bounds: `check_room` before, unless it was let in once."""
        self._waiting[entry.submission] = entry
        self._waiting_of[entry.client] = self._waiting_of.get(entry.client, 0) + 1
        self._rings.setdefault(entry.priority, Ring()).add(entry)
        self.waiting_bytes += entry.size_bytes

    def admit(self, reserve: Reserve, may_run: MayRun = _anybody) -> list[str]:
        """Give every free place to the one whose turn it is; who they are. `reserve` says whether there is a place for
        a submission, and takes it. `may_run` says whether a client who has none of these may have one more that runs.
        """
        admitted: list[str] = []
        closed: set[Hashable] = set()
        for priority in sorted(self._rings, reverse=True):
            ring = self._rings[priority]
            while (submission := ring.first(closed, may_run)) is not None:
                entry = self._waiting[submission]
                if not reserve(submission):
                    closed.add(entry.lane)
                    continue
                ring.take(entry)
                self._stop_waiting(entry)
                admitted.append(submission)
        return admitted

    def lanes(self) -> set[Hashable]:
        """The lanes that somebody waits in."""
        return {entry.lane for entry in self._waiting.values()}

    def waiting_in(self, lane: Hashable) -> tuple[str, ...]:
        """Who waits in that lane."""
        return tuple(entry.submission for entry in self._waiting.values() if entry.lane == lane)

    def leave(self, submission: str) -> None:
        """Forget a submission, should it wait."""
        if entry := self._waiting.get(submission):
            self._rings[entry.priority].remove(entry)
            self._stop_waiting(entry)

    def position(self, submission: str) -> int | None:
        """Its place in the queue, 1 being next; None where it does not wait."""
        if (entry := self._waiting.get(submission)) is None:
            return None
        higher = sum(ring.count() for priority, ring in self._rings.items() if priority > entry.priority)
        return higher + self._rings[entry.priority].before(entry) + 1

    def _stop_waiting(self, entry: Entry) -> None:
        del self._waiting[entry.submission]
        self._waiting_of[entry.client] -= 1
        if not self._waiting_of[entry.client]:
            del self._waiting_of[entry.client]
        if self._rings[entry.priority].is_empty:
            del self._rings[entry.priority]
        self.waiting_bytes -= entry.size_bytes
