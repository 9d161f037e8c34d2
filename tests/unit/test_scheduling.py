from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ccx.errors import QueueFull
from ccx_orchestrator.domain.scheduling import NO_BYTES_BOUND, Backlog, Entry

SLOTS = 3
BOUND = 5


class Queue(Backlog):
    """A backlog before so many slots."""

    def __init__(self, slots: int, bound: int, bound_bytes: int = NO_BYTES_BOUND) -> None:
        super().__init__(bound, bound_bytes)
        self.slots = slots
        self.running: set[str] = set()

    @property
    def has_place(self) -> bool:
        return len(self.running) < self.slots

    def fill(self) -> list[str]:
        return self.admit(self._reserve)

    def _reserve(self, submission: str) -> bool:
        if self.has_place:
            self.running.add(submission)
            return True
        return False

    def end(self, submission: str) -> None:
        self.running.discard(submission)
        self.leave(submission)


def enter(backlog: Queue, name: str, client: str = "", priority: int = 0, size_bytes: int = 0) -> None:
    entry = Entry(name, client, priority, size_bytes)
    backlog.check_room(entry, 7, has_place=backlog.has_place)
    backlog.enter(entry)


def order(backlog: Queue) -> str:
    """The order in which all that waits would run, one at a time."""
    names = ""
    while admitted := backlog.fill():
        names += "".join(admitted)
        for name in admitted:
            backlog.end(name)
    return names


def test_the_first_in_is_the_first_to_run() -> None:
    backlog = Queue(slots=1, bound=5)
    for name in "abc":
        enter(backlog, name)
    assert backlog.fill() == ["a"]
    assert [backlog.position(name) for name in "abc"] == [None, 1, 2]
    backlog.end("a")
    assert backlog.fill() == ["b"]


def test_clients_take_turns() -> None:
    backlog = Queue(slots=1, bound=99)
    for name in "abcdef":
        enter(backlog, name, "one")
    enter(backlog, "x", "two")
    enter(backlog, "y", "two")
    enter(backlog, "z", "three")
    assert order(backlog) == "axzbycdef"


def test_a_client_who_may_have_no_more_that_runs_is_passed_over() -> None:
    queue = Queue(3, BOUND)
    for client in ("bounded", "other"):
        for number in range(2):
            queue.enter(Entry(f"{client} {number}", client))

    def may_run(client: str) -> bool:
        return client != "bounded" or not any(one.startswith("bounded") for one in queue.running)

    assert queue.admit(queue._reserve, may_run) == ["bounded 0", "other 0", "other 1"]
    assert queue.admit(queue._reserve, may_run) == []
    queue.end("bounded 0")
    assert queue.admit(queue._reserve, may_run) == ["bounded 1"]


def test_a_higher_priority_goes_first_and_has_turns_of_its_own() -> None:
    backlog = Queue(slots=1, bound=99)
    for name, client, priority in [
        ("a", "one", 0),
        ("b", "one", 5),
        ("c", "one", 5),
        ("d", "two", 5),
        ("e", "two", -1),
    ]:
        enter(backlog, name, client, priority)
    assert order(backlog) == "bdcae"


def test_a_thousand_of_one_client_delay_anothers_first_by_one() -> None:
    backlog = Queue(slots=1, bound=2_000)
    for number in range(1_000):
        enter(backlog, f"many {number}", "busy")
    enter(backlog, "the one", "quiet")
    assert backlog.position("the one") == 2


def test_a_full_queue_refuses_with_advice() -> None:
    backlog = Queue(slots=1, bound=1)
    enter(backlog, "a")
    backlog.fill()
    enter(backlog, "b")
    with pytest.raises(QueueFull) as refused:
        enter(backlog, "c")
    assert refused.value.retry_after_seconds == 7


def test_a_queue_that_one_client_filled_has_room_for_another() -> None:
    backlog = Queue(slots=1, bound=10)
    for number in range(11):
        enter(backlog, str(number), "greedy")
    with pytest.raises(QueueFull):
        enter(backlog, "more", "greedy")
    enter(backlog, "first", "other")
    with pytest.raises(QueueFull):
        enter(backlog, "second", "other")


def test_a_queue_is_bounded_in_bytes_but_takes_one_of_any_size() -> None:
    backlog = Queue(slots=1, bound=10, bound_bytes=100)
    enter(backlog, "huge", size_bytes=1_000)
    with pytest.raises(QueueFull, match="1000 bytes"):
        enter(backlog, "small", size_bytes=1)
    backlog.fill()
    enter(backlog, "small", size_bytes=1)
    backlog.end("small")
    assert backlog.waiting_bytes == 0


def test_a_queue_without_room_still_fills_the_slots() -> None:
    backlog = Queue(slots=2, bound=0)
    enter(backlog, "a")
    assert backlog.fill() == ["a"]
    enter(backlog, "b")
    assert backlog.fill() == ["b"]
    with pytest.raises(QueueFull):
        enter(backlog, "c")


class BacklogMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: no slot is lost or handed out twice, priorities are kept, each client's own
    order is kept, and nobody has two turns while another of the same priority waits for one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Queue(SLOTS, BOUND, bound_bytes=100)
        self.waiting: list[Entry] = []
        self.running: list[str] = []
        self.count = 0

    @rule(client=st.sampled_from("xyz"), priority=st.integers(0, 1), size_bytes=st.integers(0, 40))
    def enter(self, client: str, priority: int, size_bytes: int) -> None:
        self.count += 1
        entry = Entry(str(self.count), client, priority, size_bytes)
        try:
            self.backlog.check_room(entry, 1, has_place=self.backlog.has_place)
        except QueueFull:
            is_full = len(self.waiting) >= BOUND + (len(self.running) < SLOTS)
            assert is_full or sum(one.size_bytes for one in self.waiting) + size_bytes > 100
        else:
            self.backlog.enter(entry)
            self.waiting.append(entry)

    @rule()
    def occupy(self) -> None:
        if self.backlog.has_place and not self.waiting:
            self.count += 1
            self.backlog.running.add(str(self.count))
            self.running.append(str(self.count))

    @rule()
    def admit(self) -> None:
        free = SLOTS - len(self.running)
        before = sorted(self.waiting, key=lambda entry: self.backlog.position(entry.submission) or 0)
        admitted = self.backlog.fill()
        assert admitted == [entry.submission for entry in before[:free]]
        for priority in (0, 1):
            self._check_turns([entry for entry in before if entry.priority == priority])
        self.waiting = [entry for entry in self.waiting if entry.submission not in admitted]
        self.running += admitted

    @staticmethod
    def _check_turns(line: list[Entry]) -> None:
        left = Counter(entry.client for entry in line)
        since: dict[str, set[str]] = {}
        for entry in line:
            waited = {client for client in left if left[client] and client != entry.client}
            if entry.client in since:
                assert not waited - since[entry.client]
            for others in since.values():
                others.add(entry.client)
            since[entry.client] = set()
            left[entry.client] -= 1
        for client in left:
            own = [int(entry.submission) for entry in line if entry.client == client]
            assert own == sorted(own)

    @precondition(lambda self: self.running or self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.running + [entry.submission for entry in self.waiting]))
        self.backlog.end(name)
        self.running = [one for one in self.running if one != name]
        self.waiting = [entry for entry in self.waiting if entry.submission != name]

    @invariant()
    def counts_are_true(self) -> None:
        assert (len(self.backlog.running), self.backlog.waiting) == (len(self.running), len(self.waiting))
        assert self.backlog.waiting_bytes == sum(entry.size_bytes for entry in self.waiting)
        assert len(self.backlog.running) <= SLOTS

    @invariant()
    def positions_are_one_line_by_priority(self) -> None:
        places = {self.backlog.position(entry.submission): entry.priority for entry in self.waiting}
        assert sorted(places, key=lambda place: place or 0) == list(range(1, len(self.waiting) + 1))
        line = [places[place] for place in sorted(places, key=lambda place: place or 0)]
        assert line == sorted(line, reverse=True)


TestBacklog = BacklogMachine.TestCase
