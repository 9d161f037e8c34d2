"""What to keep ready: how many idle sandboxes of each language, which to start next, which must go.

Decisions only: the pool says what happened (`take`, `ready`, `failed`, `lost`, …) and carries out what `decide`
answers. No clock and no await here: every moment is handed in, in seconds of any clock that only goes forward.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from ccx.backoff import Backoff

# Demand is a count of takes that halves in this time: a language nobody uses is back at its minimum a few minutes
# later.
DEMAND_HALF_LIFE_SECONDS = 60.0
FORGOTTEN_DEMAND = 0.25
BACKOFF = Backoff(0.5, 15.0)
# A successor waits this long for the submission that took its place: most have their answer by then, and starting a
# container takes more processor time than they do.
HOLD_SECONDS = 0.05
# An answer is on its way for as long: written down, sent, read. What it leaves behind is cleared away after that.
REST_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is kept of one language: between how many, and the memory that one of them may come to use."""

    language: str
    minimum: int
    maximum: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all shelves together: memory of all that is idle, starts at a time, the age that is too old."""

    memory_bytes: int
    starts_at_once: int
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class Start:
    """Start a sandbox of that language, and say `ready` or `failed` of this key."""

    key: int
    language: str


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove this idle sandbox. It is forgotten already."""

    key: int


Decision = Start | Discard


class Fate(StrEnum):
    """What becomes of a sandbox that is ready."""

    IDLE = "idle"
    PROMISED = "promised"
    UNWANTED = "unwanted"


@dataclass(slots=True)
class _State:
    """One shelf as it stands. `idle` is by age, the oldest first: key to the moment it became ready."""

    shelf: Shelf
    idle: dict[int, float] = field(default_factory=dict)
    starting: dict[int, None] = field(default_factory=dict)
    promised: set[int] = field(default_factory=set)  # taken before they were ready: nobody else's
    outdated: set[int] = field(default_factory=set)  # being started from an image that is no longer the language's
    demand: float = 0.0
    demand_at: float = 0.0
    failures: int = 0
    retry_at: float = float("-inf")
    target: int = 0

    @property
    def stocked(self) -> int:
        return len(self.idle) + len(self.starting)

    def demand_now(self, now: float) -> float:
        return self.demand * math.pow(2.0, (self.demand_at - now) / DEMAND_HALF_LIFE_SECONDS)

    def wanted(self, now: float) -> int:
        """Its minimum, and as many more as were taken lately."""
        demand = self.demand_now(now)
        more = 0 if demand < FORGOTTEN_DEMAND else math.ceil(demand)
        return min(self.shelf.minimum + more, self.shelf.maximum)


class Stock:
    """The books of a pool. Every key is, at any time, starting, idle, or out of the books."""

    def __init__(self, shelves: Iterable[Shelf], policy: Policy) -> None:
        self._policy = policy
        self._shelves = {shelf.language: _State(shelf) for shelf in shelves}
        self._language_of: dict[int, str] = {}
        self._keys = itertools.count(1)
        self._running = 0
        self._cold = 0
        self._hold_until = float("-inf")
        self._is_open = True

    def take(self, language: str, now: float) -> int | None:
        """Hand one out: the oldest idle one, else the one that will be ready first. None: there is none, start cold.

        It is out of the books, but that one not yet ready is still followed until `ready` or `failed`.
        """
        if (state := self._shelves.get(language)) is None or not self._is_open:
            return None
        state.demand = min(state.demand_now(now) + 1, state.shelf.maximum)
        state.demand_at = now
        for key in state.idle:
            del state.idle[key], self._language_of[key]
            self._running += 1
            self._hold_until = now + HOLD_SECONDS
            return key
        for key in state.starting:
            if key not in state.outdated:
                del state.starting[key]
                state.promised.add(key)
                self._running += 1
                return key
        return None

    def finished(self, now: float) -> None:
        """A submission that had taken one has its answer: its successor need not wait much longer."""
        self._running -= 1
        if self._running == 0:
            self._hold_until = min(self._hold_until, now + REST_SECONDS)

    def cold_began(self) -> None:
        """A submission starts a sandbox of its own; what the pool starts makes room for it."""
        self._cold += 1

    def cold_ended(self) -> None:
        """That start is over, one way or the other."""
        self._cold -= 1

    def ready(self, key: int, now: float) -> Fate:
        """That start succeeded."""
        state = self._shelves[self._language_of[key]]
        state.failures, state.retry_at = 0, float("-inf")
        if key in state.promised:
            self._forget(key)
            return Fate.PROMISED
        if key in state.outdated or not self._is_open:
            self._forget(key)
            return Fate.UNWANTED
        del state.starting[key]
        state.idle[key] = now
        return Fate.IDLE

    def failed(self, key: int, now: float) -> float:
        """That start failed; the seconds until the next one of that language."""
        state = self._shelves[self._language_of[key]]
        self._forget(key)
        state.failures += 1
        pause = BACKOFF.after(state.failures)
        state.retry_at = now + pause
        return pause

    def is_well(self, language: str) -> None:
        """A sandbox of that language could be started elsewhere: no reason left to hold back."""
        if state := self._shelves.get(language):
            state.failures, state.retry_at = 0, float("-inf")

    def lost(self, key: int) -> bool:
        """That idle one ended by itself; whether it was in the books."""
        language = self._language_of.get(key)
        if language is None or key not in self._shelves[language].idle:
            return False
        self._forget(key)
        return True

    def outdate(self, language: str) -> list[Discard]:
        """The image of that language has changed: what was made from the old one goes, nothing of it is handed out."""
        state = self._shelves[language]
        state.outdated |= set(state.starting)
        state.failures, state.retry_at = 0, float("-inf")
        return self._discard(list(state.idle))

    def close(self) -> list[Discard]:
        """Hand out nothing more, start nothing more, and let go of what is idle."""
        self._is_open = False
        return self._discard([key for state in self._shelves.values() for key in state.idle])

    def decide(self, now: float) -> list[Decision]:
        """What is to be done now for every shelf to come to its target. Asked again without news: nothing."""
        if not self._is_open:
            return []
        self._set_targets(now)
        decisions: list[Decision] = [*self._surplus(now)]
        while (state := self._shortest(now)) is not None:
            key = next(self._keys)
            state.starting[key] = None
            self._language_of[key] = state.shelf.language
            decisions.append(Start(key, state.shelf.language))
        return decisions

    def due(self, now: float) -> float | None:
        """Seconds until `decide` may have something to do although nothing happens; None: nothing in sight. That demand
        is forgotten is not counted.
        """
        moments = [state.retry_at for state in self._shelves.values() if state.retry_at > now]
        moments += [
            since + self._policy.idle_seconds
            for state in self._shelves.values()
            if not state.starting
            for since in state.idle.values()
        ]
        if self._hold_until > now:
            moments.append(self._hold_until)
        return max(0.0, min(moments) - now) if moments else None

    def count(self, language: str) -> tuple[int, int, int]:
        """How many are idle, how many are being started for the shelf, and how many there should be."""
        state = self._shelves[language]
        return len(state.idle), len(state.starting), state.target

    @property
    def used_bytes(self) -> int:
        """The part of the memory budget that is taken."""
        return sum(state.stocked * state.shelf.memory_bytes for state in self._shelves.values())

    def _forget(self, key: int) -> None:
        state = self._shelves[self._language_of.pop(key)]
        state.idle.pop(key, None)
        state.starting.pop(key, None)
        state.promised.discard(key)
        state.outdated.discard(key)

    def _discard(self, keys: list[int]) -> list[Discard]:
        for key in keys:
            self._forget(key)
        return [Discard(key) for key in keys]

    def _set_targets(self, now: float) -> None:
        """Share the memory out in rounds of one each, minimums first: no language gets its last one before another has
        its first.
        """
        left = self._policy.memory_bytes
        for state in self._shelves.values():
            state.target = 0
        for goal in (
            {name: state.shelf.minimum for name, state in self._shelves.items()},
            {name: state.wanted(now) for name, state in self._shelves.items()},
        ):
            is_growing = True
            while is_growing:
                is_growing = False
                for name, state in self._shelves.items():
                    if state.target < goal[name] and state.shelf.memory_bytes <= left:
                        state.target += 1
                        left -= state.shelf.memory_bytes
                        is_growing = True

    def _surplus(self, now: float) -> list[Discard]:
        """The oldest of those too many; of those too old one at a time, so that a shelf is never emptied at once."""
        keys: list[int] = []
        for state in self._shelves.values():
            idle = list(state.idle)
            too_many = idle[: max(0, state.stocked - state.target)]
            keys += too_many
            if not too_many and idle and not state.starting:
                keys += [key for key in idle[:1] if now - state.idle[key] >= self._policy.idle_seconds]
        return self._discard(keys)

    def _shortest(self, now: float) -> _State | None:
        """The shelf to start the next one for: the one furthest from its target. None: none, or not now."""
        busy = self._cold + sum(len(state.starting) + len(state.promised) for state in self._shelves.values())
        if busy >= self._policy.starts_at_once:
            return None
        # Where no shelf is low half of the machine is left to submissions, and all of it to one that has just come.
        is_easy = now >= self._hold_until and busy < max(1, self._policy.starts_at_once // 2)
        # What is too many but still being started counts as well: the budget holds at every moment.
        room = self._policy.memory_bytes - self.used_bytes
        short = [
            state
            for state in self._shelves.values()
            if state.stocked < (state.target if is_easy else state.target / 2)
            and state.retry_at <= now
            and state.shelf.memory_bytes <= room
        ]
        return min(short, key=lambda state: state.stocked / state.target, default=None)
