"""The books of the pool: what is kept ready, and what never happens to it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ccx_orchestrator.domain.stocking import (
    BACKOFF,
    DEMAND_HALF_LIFE_SECONDS,
    HOLD_SECONDS,
    REST_SECONDS,
    Decision,
    Discard,
    Fate,
    Policy,
    Shelf,
    Start,
    Stock,
)

LANGUAGES = ("c", "java", "python")
PLENTY = Policy(memory_bytes=1000, starts_at_once=100, idle_seconds=600)


def stock(
    minimum: int = 1, maximum: int = 4, policy: Policy = PLENTY, *, languages: tuple[str, ...] = LANGUAGES
) -> Stock:
    return Stock([Shelf(language, minimum, maximum, 10) for language in languages], policy)


def started(decisions: list[Decision]) -> list[tuple[int, str]]:
    return [(decision.key, decision.language) for decision in decisions if isinstance(decision, Start)]


def discarded(decisions: list[Decision]) -> list[int]:
    return [decision.key for decision in decisions if isinstance(decision, Discard)]


def filled(books: Stock, now: float) -> list[int]:
    """Start and have ready what is wanted, until nothing more is; the keys of what is idle now."""
    keys: list[int] = []
    while wanted := started(books.decide(now)):
        for key, _ in wanted:
            assert books.ready(key, now) is Fate.IDLE
            keys.append(key)
    return keys


def idle(books: Stock) -> dict[str, int]:
    return {language: books.count(language)[0] for language in LANGUAGES}


def test_every_language_starts_with_its_minimum() -> None:
    books = stock(minimum=2)
    filled(books, 0)
    assert idle(books) == {"c": 2, "java": 2, "python": 2}
    assert books.decide(0) == []


def test_what_was_taken_gets_a_successor() -> None:
    books = stock(maximum=1, languages=("c",))
    filled(books, 0)
    taken = books.take("c", 1)
    assert taken is not None
    assert [language for _, language in started(books.decide(1))] == ["c"]


def test_successors_wait_for_the_answer_unless_stock_runs_low() -> None:
    books = stock(minimum=4, languages=("c",))
    filled(books, 0)
    assert books.take("c", 1) is not None
    assert books.decide(1) == []
    assert books.due(1) == pytest.approx(HOLD_SECONDS)
    books.finished(1)
    assert books.decide(1) == []  # the answer has to be written down, sent and read
    assert books.due(1) == pytest.approx(REST_SECONDS)
    assert len(started(books.decide(1 + REST_SECONDS))) == 1


def test_successors_do_not_wait_for_a_long_program() -> None:
    books = stock(minimum=4, languages=("c",))
    filled(books, 0)
    books.take("c", 1)
    assert len(started(books.decide(1 + HOLD_SECONDS))) == 1


def test_half_of_the_machine_is_left_to_submissions_unless_stock_runs_low() -> None:
    books = stock(minimum=8, languages=("c",), maximum=8, policy=Policy(1000, 4, 600))
    low = started(books.decide(0))
    assert len(low) == 4
    books.ready(low[0][0], 0)
    assert books.decide(0) == []
    books.ready(low[1][0], 0)
    books.ready(low[2][0], 0)
    assert len(started(books.decide(0))) == 1  # with the one that is still on its way: two


def test_one_that_is_being_started_is_promised_to_who_finds_the_shelf_empty() -> None:
    books = stock(languages=("c",), maximum=1)
    [(key, _)] = started(books.decide(0))
    assert books.take("c", 0) == key
    assert books.take("c", 0) is None
    assert books.ready(key, 1) is Fate.PROMISED


def test_a_language_in_demand_gets_more_and_one_that_is_not_shrinks_to_its_minimum() -> None:
    books = stock(maximum=4)
    filled(books, 0)
    for _ in range(10):
        books.take("python", 1)
        books.finished(1)
        filled(books, 1 + REST_SECONDS)
    assert idle(books) == {"c": 1, "java": 1, "python": 4}
    books.decide(1 + DEMAND_HALF_LIFE_SECONDS * 5)
    assert idle(books) == {"c": 1, "java": 1, "python": 1}


def test_a_burst_of_one_language_leaves_the_others_theirs() -> None:
    books = stock(minimum=1, maximum=100, policy=Policy(60, 100, 600))
    filled(books, 0)
    for _ in range(50):
        books.take("python", 1)
        filled(books, 2)
    assert idle(books) == {"c": 1, "java": 1, "python": 4}
    assert books.take("java", 2) is not None


def test_demand_of_two_languages_shares_the_memory() -> None:
    books = stock(minimum=0, maximum=100, policy=Policy(60, 100, 600))
    for _ in range(50):
        books.take("python", 1)
        books.take("c", 1)
    filled(books, 1)
    assert idle(books) == {"c": 3, "java": 0, "python": 3}


def test_no_more_start_at_once_than_allowed_and_cold_starts_come_first() -> None:
    books = stock(minimum=3, policy=Policy(1000, 2, 600))
    books.cold_began()
    assert len(started(books.decide(0))) == 1
    books.cold_ended()
    assert len(started(books.decide(0))) == 1


def test_the_emptiest_shelf_is_filled_first() -> None:
    books = stock(minimum=2, policy=Policy(1000, 3, 600))
    assert sorted(language for _, language in started(books.decide(0))) == ["c", "java", "python"]


def test_failing_starts_are_tried_again_ever_later_and_at_once_when_all_is_well_again() -> None:
    books = stock(languages=("c",), maximum=1)
    now, pauses = 0.0, []
    for _ in range(8):
        [(key, _)] = started(books.decide(now))
        pauses.append(books.failed(key, now))
        assert books.decide(now) == []
        assert books.due(now) == pauses[-1]
        now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == BACKOFF.longest_seconds
    [(key, _)] = started(books.decide(now))
    books.failed(key, now)
    books.is_well("c")
    assert len(started(books.decide(now))) == 1


def test_what_is_too_old_is_replaced_one_at_a_time() -> None:
    books = stock(minimum=3, languages=("c",))
    keys = filled(books, 0)
    assert books.due(0) == PLENTY.idle_seconds
    first = books.decide(PLENTY.idle_seconds)
    assert discarded(first) == keys[:1]
    assert len(started(first)) == 1
    assert books.decide(PLENTY.idle_seconds) == []
    [(key, _)] = started(first)
    books.ready(key, PLENTY.idle_seconds)
    assert discarded(books.decide(PLENTY.idle_seconds)) == keys[1:2]


def test_nothing_of_an_old_image_is_handed_out() -> None:
    books = stock(minimum=2, languages=("c",), policy=Policy(1000, 1, 600))
    [(first, _)] = started(books.decide(0))
    books.ready(first, 0)
    [(second, _)] = started(books.decide(0))
    assert books.outdate("c") == [Discard(first)]
    assert books.take("c", 1) is None
    assert books.ready(second, 1) is Fate.UNWANTED


def test_after_closing_nothing_is_kept_started_or_handed_out() -> None:
    books = stock(minimum=2, policy=Policy(1000, 4, 600))
    starts = started(books.decide(0))
    books.ready(starts[0][0], 0)
    assert books.close() == [Discard(starts[0][0])]
    assert books.ready(starts[1][0], 0) is Fate.UNWANTED
    assert books.decide(0) == []
    assert books.take("c", 0) is None


class AnyLife(RuleBasedStateMachine):
    """Whatever happens in whatever order: nothing is handed out twice, and every bound holds at every moment."""

    @initialize(minimum=st.integers(0, 3), more=st.integers(0, 4), memory=st.integers(0, 120), starts=st.integers(1, 4))
    def begin(self, minimum: int, more: int, memory: int, starts: int) -> None:
        self.now = 0.0
        self.policy = Policy(memory, starts, 100)
        self.maximum = minimum + more
        self.books = stock(minimum, self.maximum, self.policy)
        self.starting: set[int] = set()
        self.promised: set[int] = set()
        self.idle: set[int] = set()
        self.gone: set[int] = set()

    def leave(self, key: int) -> None:
        assert key not in self.gone
        self.gone.add(key)

    @rule(seconds=st.floats(0, 200))
    def decide(self, seconds: float) -> None:
        self.now += seconds
        for decision in self.books.decide(self.now):
            match decision:
                case Start(key):
                    assert key not in self.starting | self.idle | self.gone
                    self.starting.add(key)
                    assert len(self.starting) <= self.policy.starts_at_once
                case Discard(key):
                    self.idle.remove(key)
                    self.leave(key)

    @rule(language=st.sampled_from(LANGUAGES))
    def take(self, language: str) -> None:
        key = self.books.take(language, self.now)
        if key in self.idle:
            self.idle.remove(key)
            self.leave(key)
        elif key is not None:
            assert key in self.starting - self.promised
            self.promised.add(key)

    @precondition(lambda self: self.starting)
    @rule(data=st.data())
    def ready(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.starting)))
        self.starting.remove(key)
        fate = self.books.ready(key, self.now)
        assert (fate is Fate.PROMISED) == (key in self.promised)
        if fate is Fate.IDLE:
            self.idle.add(key)
        else:
            self.leave(key)

    @precondition(lambda self: self.starting)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.starting)))
        self.starting.remove(key)
        self.leave(key)
        assert 0 < self.books.failed(key, self.now) <= BACKOFF.longest_seconds

    @precondition(lambda self: self.idle)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.idle)))
        assert self.books.lost(key)
        assert not self.books.lost(key)
        self.idle.remove(key)
        self.leave(key)

    @rule(language=st.sampled_from(LANGUAGES))
    def outdate(self, language: str) -> None:
        for decision in self.books.outdate(language):
            self.idle.remove(decision.key)
            self.leave(decision.key)

    @invariant()
    def keeps_its_bounds(self) -> None:
        counts = [self.books.count(language) for language in LANGUAGES]
        assert sum(count[0] for count in counts) == len(self.idle)
        assert sum(count[1] for count in counts) == len(self.starting - self.promised)
        assert self.books.used_bytes <= self.policy.memory_bytes
        assert all(count[2] <= self.maximum for count in counts)


AnyLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_any_life = AnyLife.TestCase
