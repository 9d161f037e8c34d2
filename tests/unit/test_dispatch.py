from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ccx_orchestrator.domain.breaker import Breaker
from ccx_orchestrator.domain.dispatch import HERE, Capacity, Dispatch, Lane
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.domain.unserved_lanes import UnservedLanes

C, JAVA = Lane("c"), Lane("java")
LESS = Limits(cpu_seconds=2, wall_seconds=4, memory_bytes=64 << 20, processes=8, output_bytes=99, file_bytes=99)
MORE = LESS.changed(memory_bytes=128 << 20)


def capacity(slots: int, *languages: str, foreign: int = 0, is_open: bool = True) -> Capacity:
    return Capacity(slots, foreign, frozenset(languages), is_open)


def dispatch(here: Capacity, **slaves: Capacity) -> Dispatch:
    made = Dispatch(here)
    for name, there in slaves.items():
        made.hear(name, there, 0.0)
    return made


def place_all(made: Dispatch, count: int, lane: Lane = C) -> list[str | None]:
    return [made.place(f"{lane.language}-{number}", lane, 0.0) for number in range(count)]


def test_what_asks_for_more_goes_where_that_is_allowed() -> None:
    made = Dispatch(Capacity(0, 0, frozenset()))
    made.hear("strict", Capacity(2, 0, frozenset({"c"}), highest={"c": LESS}), 0.0)
    asks_for_more = Lane("c", limits=MORE.numbers())
    assert made.place("a", Lane("c"), 0.0) == "strict"
    assert made.place("b", asks_for_more, 0.0) is None
    assert not made.serves(asks_for_more)
    made.hear("generous", Capacity(1, 0, frozenset({"c"}), highest={"c": MORE}), 0.0)
    assert made.place("b", asks_for_more, 0.0) == "generous"


def test_a_submission_with_a_checker_goes_where_both_languages_are() -> None:
    made = Dispatch(Capacity(1, 0, frozenset({"c"})))
    for name, languages in {"one": {"c"}, "two": {"c", "java"}, "three": {"c", "java", "python"}}.items():
        made.hear(name, Capacity(2, 0, frozenset(languages)), 0.0)
    both = Lane("c", others=("java",))
    assert [made.place(str(number), both, 0.0) for number in range(5)] == ["two", "three", "two", "three", None]
    assert made.place("c alone", C, 0.0) == HERE
    assert not made.has_room(both, 0.0)
    assert made.serves(both)
    assert not made.serves(Lane("c", others=("rust",)))
    made.lacks("two", "0", both, 0.0)
    assert made.place("again", both, 0.0) is None


def test_the_slots_here_are_taken_first() -> None:
    assert place_all(dispatch(capacity(2, "c"), far=capacity(9, "c")), 3) == [HERE, HERE, "far"]


def test_a_language_that_is_not_here_goes_to_the_slave_that_has_it() -> None:
    made = dispatch(capacity(2, "c"), wrong=capacity(9, "c"), right=capacity(1, "java"))
    assert place_all(made, 2, JAVA) == ["right", None]


def test_the_slave_with_most_room_is_next_and_ties_are_spread() -> None:
    made = dispatch(capacity(0), small=capacity(2, "c"), large=capacity(4, "c"), other=capacity(4, "c"))
    placed = place_all(made, 10)
    assert set(placed[:4]) == {"large", "other"}
    assert sorted(map(str, placed)) == ["large"] * 4 + ["other"] * 4 + ["small"] * 2


def test_what_others_have_sent_there_takes_room() -> None:
    made = dispatch(capacity(0), busy=capacity(4, "c", foreign=3), calm=capacity(2, "c"))
    assert place_all(made, 4) == ["calm", "busy", "calm", None]


def test_a_report_does_not_make_room_of_what_is_on_its_way() -> None:
    made = dispatch(capacity(0), far=capacity(1, "c"))
    assert made.place("a", C, 0.0) == "far"
    made.hear("far", capacity(1, "c"), 1.0)
    assert made.place("b", C, 1.0) is None


def test_full_is_believed_until_the_next_report() -> None:
    made = dispatch(capacity(0), far=capacity(4, "c"))
    made.place("a", C, 0.0)
    made.full("far", "a")
    assert made.place("a", C, 0.0) is None
    made.hear("far", capacity(4, "c", foreign=2), 1.0)
    assert made.place("a", C, 1.0) == "far"


def test_full_is_believed_until_one_of_ours_has_ended_there() -> None:
    made = dispatch(capacity(0), far=capacity(4, "c"))
    made.place("a", C, 0.0)
    made.place("b", C, 0.0)
    made.full("far", "b")
    assert made.place("b", C, 0.0) is None
    made.leave("a", 0.0)
    assert made.place("b", C, 0.0) == "far"


def test_a_forwarded_one_is_never_forwarded_again() -> None:
    made = dispatch(capacity(1, "c"), far=capacity(9, "c", "java"))
    assert made.place("a", Lane("c", is_forwarded=True), 0.0) == HERE
    assert made.place("b", Lane("c", is_forwarded=True), 0.0) is None
    assert made.place("d", Lane("java", is_forwarded=True), 0.0) is None


def test_a_draining_node_gets_nothing_and_serves_nothing() -> None:
    made = dispatch(capacity(0), far=capacity(4, "c"))
    made.hear("far", capacity(4, "c", is_open=False), 1.0)
    assert (made.place("a", C, 1.0), made.serves(C)) == (None, False)


def test_a_language_the_node_turned_out_to_lack_is_not_sent_there_again() -> None:
    made = dispatch(capacity(0), far=capacity(4, "c", "java"))
    made.place("a", JAVA, 0.0)
    made.lacks("far", "a", JAVA, 0.0)
    assert (made.place("a", JAVA, 0.0), made.serves(JAVA), made.place("b", C, 0.0)) == (None, False, "far")


def test_an_unreached_node_gets_nothing_until_it_is_heard_of() -> None:
    made = dispatch(capacity(0), far=capacity(4, "c"))
    made.unreached("far")
    assert made.place("a", C, 0.0) is None
    made.hear("far", capacity(4, "c"), 1.0)
    assert made.place("a", C, 1.0) == "far"


def test_a_lost_node_gives_back_what_it_had() -> None:
    made = dispatch(capacity(0), far=capacity(4, "c"), near=capacity(1, "c"))
    placed = place_all(made, 3)
    lost = made.lose("far")
    assert lost == {f"c-{number}" for number, node in enumerate(placed) if node == "far"}
    assert made.lose("far") == frozenset()
    assert all(made.where(submission) is None for submission in lost)


def test_a_node_that_fails_again_and_again_is_left_alone_and_then_tried_with_one() -> None:
    made = dispatch(capacity(0), far=capacity(4, "c"))
    for name in "ab":
        made.place(name, C, 0.0)
        made.fail("far", name, 0.0)
    assert made.place("a", C, 0.5) is None
    made.hear("far", capacity(4, "c"), 2.0)
    assert (made.place("a", C, 2.0), made.place("b", C, 2.0)) == ("far", None)
    made.leave("a", 2.1)
    assert (made.place("b", C, 2.1), made.place("c", C, 2.1)) == ("far", "far")


def test_the_pause_of_a_breaker_doubles_up_to_a_bound() -> None:
    breaker, pauses = Breaker(), []
    for _ in range(9):
        breaker.fail(100.0)
        pauses.append(max(0.0, breaker.opens_at - 100.0))
    assert pauses == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_patience_ends_only_for_lanes_that_nobody_served_all_the_time() -> None:
    patience, served = UnservedLanes(10.0), {C}
    assert patience.overdue([C, JAVA], served.__contains__, 0.0) == ()
    assert patience.overdue([C, JAVA], served.__contains__, 9.9) == ()
    assert patience.overdue([C, JAVA], served.__contains__, 10.0) == (JAVA,)
    assert patience.overdue([C], served.__contains__, 11.0) == ()
    assert patience.overdue([C, JAVA], served.__contains__, 12.0) == ()


LANGUAGES = st.frozensets(st.sampled_from(["c", "java", "python"]))
NAMES = st.sampled_from(["n1", "n2", "n3", "n4"])
CEILINGS = st.fixed_dictionaries({"c": st.sampled_from([LESS, MORE])})
CAPACITIES = st.builds(Capacity, st.integers(0, 3), st.integers(0, 3), LANGUAGES, st.booleans(), CEILINGS)
SOME_LANGUAGES = st.lists(st.sampled_from(["c", "java", "python"]), min_size=1, unique=True)


@st.composite
def lanes(draw: st.DrawFn) -> Lane:
    language, *others = draw(SOME_LANGUAGES)
    limits = draw(st.sampled_from([(), LESS.numbers(), MORE.numbers()]))
    return Lane(language, draw(st.booleans()), tuple(sorted(others)), limits)


LANES = lanes()


def allowed(there: Capacity, lane: Lane) -> bool:
    """Whether the node has the languages, and all that is asked for is at most what it allows."""
    most = there.highest.get(lane.language)
    fits = most is None or all(asked <= limit for asked, limit in zip(lane.limits, most.numbers(), strict=False))
    return fits and all(language in there.languages for language in lane.languages)


class DispatchMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: nobody is in two places, no node is sent more than it has room for, and who
    could run somewhere is not left waiting.
    """

    def __init__(self) -> None:
        super().__init__()
        self.here = Capacity(2, 0, frozenset({"c", "python"}))
        self.dispatch = Dispatch(self.here)
        self.told: dict[str, Capacity] = {}
        self.placed: dict[str, tuple[str, Lane]] = {}
        self.silent: set[str] = set()
        self.doubted: set[str] = set()
        self.now = 0.0
        self.count = 0

    @rule(name=NAMES, there=CAPACITIES)
    def hear(self, name: str, there: Capacity) -> None:
        self.dispatch.hear(name, there, self.now)
        self.told[name] = there
        self.silent.discard(name)
        self.doubted.discard(name)

    @rule(name=NAMES)
    def unreached(self, name: str) -> None:
        self.dispatch.unreached(name)
        self.silent.add(name)

    @rule(name=NAMES)
    def lose(self, name: str) -> None:
        lost = self.dispatch.lose(name)
        assert lost == {one for one, (place, _) in self.placed.items() if place == name}
        for one in lost:
            del self.placed[one]
        self.told.pop(name, None)

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(lane=LANES)
    def place(self, lane: Lane) -> None:
        self.count += 1
        name = str(self.count)
        place = self.dispatch.place(name, lane, self.now)
        if place is None:
            assert not self.could_run(lane)
            return
        assert not (lane.is_forwarded and place != HERE)
        there = self.here if place == HERE else self.told[place]
        assert allowed(there, lane)
        assert there.is_open
        assert place not in self.silent
        self.placed[name] = (place, lane)
        assert self.ours(place) + there.foreign <= there.slots

    def could_run(self, lane: Lane) -> bool:
        """Somewhere that nothing but its room would keep it from."""
        if allowed(self.here, lane) and HERE not in self.doubted and self.ours(HERE) < self.here.slots:
            return True
        return not lane.is_forwarded and any(
            allowed(there, lane)
            and there.is_open
            and name not in self.silent | self.doubted
            and self.ours(name) + there.foreign < there.slots
            for name, there in self.told.items()
        )

    def ours(self, place: str) -> int:
        return sum(place == other for other, _ in self.placed.values())

    @precondition(lambda self: self.placed)
    @rule(data=st.data(), how=st.sampled_from(["leave", "full", "fail", "lacks"]))
    def ends(self, data: st.DataObject, how: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.placed)))
        place, lane = self.placed.pop(name)
        match how:
            case "leave":
                self.dispatch.leave(name, self.now)
            case "full":
                self.dispatch.full(place, name)
            case "fail":
                self.dispatch.fail(place, name, self.now)
            case _:
                self.dispatch.lacks(place, name, lane, self.now)
        if how != "leave":
            self.doubted.add(place)

    @invariant()
    def places_are_known(self) -> None:
        for name, (place, _) in self.placed.items():
            assert self.dispatch.where(name) == place
        assert self.dispatch.elsewhere == sum(place != HERE for place, _ in self.placed.values())


TestDispatch = DispatchMachine.TestCase
