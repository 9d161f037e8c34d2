"""Where a submission runs: here while there is a free slot, else on the slave that has the language and most room.

What happens is told to it (`hear`, `full`, `lose` …); `place` decides. Nothing here waits, calls or looks at a clock.
A slave's room is what it last reported less what this node has sent there since: submissions of others are known from
the report only, those of this node always exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from operator import ge
from typing import NamedTuple

from ccx_orchestrator.domain.breaker import Breaker
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.domain.plan import Plan

HERE = ""  # this node, among the names of nodes
SLACK = 64  # entries a heap may have beyond four for every node, before it is made anew


class Lane(NamedTuple):
    """Submissions that can run in the same places. A forwarded one runs here or not at all. `others` are the languages,
    sorted, of programs that judge it; `limits` what it may use, in the order of LIMIT_NAMES, where that is more than
    the language's default.
    """

    language: str
    is_forwarded: bool = False
    others: tuple[str, ...] = ()
    limits: tuple[float, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """All that a node has to serve."""
        return (self.language, *self.others)

    @classmethod
    def of(cls, plan: Plan, *, is_forwarded: bool = False) -> Lane:
        """The lane of a submission."""
        language, *others = plan.languages
        is_usual = plan.limits.are_within(plan.language.limits.default)
        return cls(language, is_forwarded, tuple(others), () if is_usual else plan.limits.numbers())


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a node tells of itself. `foreign` counts what runs or waits there and was not sent from here; `highest` are
    the most that it lets programs of a language use, where it is another node.
    """

    slots: int
    foreign: int
    languages: frozenset[str]
    is_open: bool = True
    highest: Mapping[str, Limits] = field(default_factory=dict)

    def suffices(self, lane: Lane) -> bool:
        """Whether it has the languages, and allows what is asked for."""
        highest = self.highest.get(lane.language)
        allows = not lane.limits or highest is None or all(map(ge, highest.numbers(), lane.limits))
        return allows and self.languages.issuperset(lane.languages)


@dataclass(slots=True)
class _Node:
    name: str
    capacity: Capacity
    breaker: Breaker = field(default_factory=Breaker)
    ours: set[str] = field(default_factory=set)
    is_full: bool = False
    is_reached: bool = True
    lacking: set[str] = field(default_factory=set)
    stamp: int = 0
    offered: int = 0

    def free(self, now: float) -> int:
        """How many more it can be sent."""
        if self.is_full or not self.is_reached or not self.capacity.is_open:
            return 0
        room = max(0, self.capacity.slots - self.capacity.foreign - len(self.ours))
        allowed = self.breaker.allowed(now, len(self.ours))
        return room if allowed is None else min(room, allowed)

    def serves(self, lane: Lane) -> bool:
        """Whether it can run that lane's submissions, now or a little later."""
        can = self.capacity.suffices(lane) and self.lacking.isdisjoint(lane.languages)
        return can and self.is_reached and self.capacity.is_open


class Dispatch:
    """Owns all slots, and places submissions in them: one is known from `place` to `leave`, in one place at a time."""

    def __init__(self, here: Capacity) -> None:
        self._nodes = {HERE: _Node(HERE, here)}
        self._where: dict[str, str] = {}
        # By language: (-free, stamp, name). An entry is true while its stamp is that of the node; others are dropped.
        self._heaps: dict[str, list[tuple[int, int, str]]] = {}
        self._stamps = count(1)

    # What happens

    def hear(self, name: str, capacity: Capacity, now: float) -> None:
        """A node lives and tells of itself; what was believed of it before is void."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = _Node(name, capacity)
        is_offer_void = node.capacity.languages != capacity.languages or bool(node.lacking)
        node.capacity, node.is_full, node.is_reached = capacity, False, True
        node.lacking.clear()
        self._offer(node, now, anew=is_offer_void)

    def full(self, name: str, submission: str) -> None:
        """It refused this one for want of room: believed until it tells otherwise or one of ours ends there."""
        self._take_from(name, submission)
        if node := self._nodes.get(name):
            node.is_full = True
            self._offer(node, 0.0)

    def lacks(self, name: str, submission: str, lane: Lane, now: float) -> None:
        """It refused this one because it has not got a language, whatever it told."""
        self._take_from(name, submission)
        if node := self._nodes.get(name):
            node.lacking.update(lane.languages)
            self._offer(node, now, anew=True)

    def fail(self, name: str, submission: str, now: float) -> None:
        """This one could not be run there, by a fault of the node or of the way to it."""
        self._take_from(name, submission)
        if node := self._nodes.get(name):
            node.breaker.fail(now)
            self._offer(node, now)

    def unreached(self, name: str) -> None:
        """It did not answer: it is sent nothing until it does. What runs there may still come to its end."""
        if node := self._nodes.get(name):
            node.is_reached = False
            self._offer(node, 0.0)

    def lose(self, name: str) -> frozenset[str]:
        """It is gone for good; those that were there, which have no place any more."""
        node = self._nodes.pop(name, None)
        if node is None:
            return frozenset()
        for submission in node.ours:
            del self._where[submission]
        return frozenset(node.ours)

    def leave(self, submission: str, now: float, *, went_well: bool = True) -> None:
        """It has ended, or does not want its place any more."""
        name = self._where.get(submission)
        if name is None:
            return
        self._take_from(name, submission)
        node = self._nodes[name]
        if went_well:
            node.breaker.succeed()
        node.is_full = False
        self._offer(node, now)

    # Decisions

    def place(self, submission: str, lane: Lane, now: float) -> str | None:
        """The node it is to run on, where its slot is taken from now on; None where it has to wait."""
        if submission in self._where:
            raise AssertionError(f"{submission} has a place already")
        here = self._nodes[HERE]
        if here.capacity.suffices(lane) and here.free(now) > 0:
            return self._put(here, submission, now)
        if lane.is_forwarded or (node := self._roomiest(lane, now)) is None:
            return None
        return self._put(node, submission, now)

    def place_here(self, submission: str, now: float) -> bool:
        """Take a slot of this node, whatever is to run in it; whether there was one."""
        here = self._nodes[HERE]
        if submission in self._where or here.free(now) <= 0:
            return False
        self._put(here, submission, now)
        return True

    def free_here(self, now: float) -> int:
        """How many slots of this node nobody has."""
        return self._nodes[HERE].free(now)

    def where(self, submission: str) -> str | None:
        """Its place, if it has one."""
        return self._where.get(submission)

    def serves(self, lane: Lane) -> bool:
        """Whether there is a node, busy or not, that could run it."""
        if lane.is_forwarded:
            return self._nodes[HERE].serves(lane)
        return any(node.serves(lane) for node in self._nodes.values())

    def has_room(self, lane: Lane, now: float) -> bool:
        """Whether `place` would find one."""
        here = self._nodes[HERE]
        if here.capacity.suffices(lane) and here.free(now) > 0:
            return True
        return not lane.is_forwarded and self._roomiest(lane, now) is not None

    def at(self, name: str) -> tuple[str, ...]:
        """This node's submissions that have their place there."""
        return tuple(sorted(node.ours)) if (node := self._nodes.get(name)) else ()

    @property
    def slots_here(self) -> int:
        """How many slots this node has."""
        return self._nodes[HERE].capacity.slots

    @property
    def elsewhere(self) -> int:
        """How many have their place on another node."""
        return len(self._where) - len(self._nodes[HERE].ours)

    def _put(self, node: _Node, submission: str, now: float) -> str:
        node.ours.add(submission)
        self._where[submission] = node.name
        self._offer(node, now)
        return node.name

    def _take_from(self, name: str, submission: str) -> None:
        if self._where.get(submission) == name:
            del self._where[submission]
            self._nodes[name].ours.discard(submission)

    def _roomiest(self, lane: Lane, now: float) -> _Node | None:
        if lane.others or lane.limits:
            return self._roomiest_of_all(lane, now)
        heap = self._heaps.get(lane.language, [])
        while heap:
            negative, stamp, name = heap[0]
            node = self._nodes.get(name)
            if node is not None and node.stamp == stamp and node.free(now) == -negative:
                return node
            heappop(heap)
            if node is not None and node.stamp == stamp:  # its room changed with time alone
                self._offer(node, now, anew=True)
        return None

    def _roomiest_of_all(self, lane: Lane, now: float) -> _Node | None:
        """By a look at every node: few submissions need several languages, or more than the usual limits."""
        others = [node for node in self._nodes.values() if node.name != HERE]
        able = [node for node in others if node.serves(lane) and node.free(now) > 0]
        return min(able, key=lambda node: (-node.free(now), node.stamp), default=None)

    def _offer(self, node: _Node, now: float, *, anew: bool = False) -> None:
        """Write down how much room a node has. The later a node was written down, the later its turn among equals."""
        if node.name == HERE:
            return
        free = node.free(now)
        if free == node.offered and not anew:
            return
        node.offered = free
        node.stamp = next(self._stamps)
        if free == 0:
            return
        for language in node.capacity.languages - node.lacking:
            heap = self._heaps.setdefault(language, [])
            heappush(heap, (-free, node.stamp, node.name))
            if len(heap) > 4 * len(self._nodes) + SLACK:
                self._tidy(heap)

    def _tidy(self, heap: list[tuple[int, int, str]]) -> None:
        heap[:] = [entry for entry in heap if (node := self._nodes.get(entry[2])) and node.stamp == entry[1]]
        heapify(heap)
