"""The dispatcher over fake executors and links: where things run, and what happens when a node goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

import pytest

from ccx.errors import EngineUnavailable
from ccx.wire import NodeInfo, NodeReport, SourceFile, SubmissionRequest, Usage, Verdict
from ccx_orchestrator.background import background
from ccx_orchestrator.cluster.dispatcher import MAX_TRIES, Dispatcher, NoNodeServes
from ccx_orchestrator.domain.dispatch import HERE, Capacity, Dispatch, Lane
from ccx_orchestrator.domain.events import Event, Finished, Output, Restarted, Started
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.domain.unserved_lanes import UnservedLanes
from ccx_orchestrator.ports.execution import Controls, Emit, SandboxLost
from ccx_orchestrator.ports.nodes import LanguageLacking, NodeFull, NodeLink, NodeLost
from ccx_orchestrator.store.memory import MemoryStore
from tests.support.fakes import HANG, HELLO, FakeExecutor
from tests.support.languages import language
from tests.support.puppet_node import program
from tests.support.service import cluster_over, submissions_over

DEADLINE_SECONDS = 5.0
DEMO = Lane("demo")


@dataclass
class FakeLink:
    """A node that runs plans as a FakeExecutor does, after the troubles it is given: one of them for each run."""

    executor: FakeExecutor = field(default_factory=FakeExecutor)
    troubles: list[Exception] = field(default_factory=list)
    trouble_after_start: bool = False
    has_started: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        self.has_started.set()
        if self.troubles:
            if self.trouble_after_start:
                await emit(Started("far", "demo 1.0"))
            raise self.troubles.pop(0)
        await self.executor.run(submission_id, plan, emit, controls)

    async def renew(self, seconds: float) -> NodeReport:
        raise NotImplementedError

    async def drain(self, name: str, *, on: bool) -> NodeInfo:
        raise NotImplementedError

    def usage(self, name: str) -> AsyncGenerator[Usage]:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@dataclass
class Bench:
    """A node of one slot that has the language, unless it is told otherwise, and slaves of one slot."""

    slots: int = 1
    here: FakeExecutor = field(default_factory=FakeExecutor)
    links: dict[str, NodeLink] = field(default_factory=dict)
    patience: float = 60.0
    now: float = 0.0
    events: list[Event | Restarted] = field(default_factory=list)

    def __post_init__(self) -> None:
        dispatch = Dispatch(Capacity(self.slots, 0, frozenset({"demo"} if self.slots else ())))
        self.dispatcher = Dispatcher(dispatch, self.here, self.links, UnservedLanes(self.patience), lambda: self.now)

    def slave(self, name: str, *troubles: Exception) -> FakeLink:
        link = self.links[name] = FakeLink(troubles=list(troubles))
        self.hear(name)
        return link

    def hear(self, name: str) -> None:
        self.dispatcher.hear(name, Capacity(1, 0, frozenset({"demo"})))

    async def emit(self, event: Event | Restarted) -> None:
        self.events.append(event)

    def start(self, program: str = HELLO, name: str = "a") -> asyncio.Task[None]:
        request = SubmissionRequest(language="demo", files=(SourceFile(name="a.dm", content=program),))
        return asyncio.create_task(self.dispatcher.run(name, make_plan(request, lambda _: language()), self.emit))

    async def run(self, program: str = HELLO, name: str = "a") -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.start(program, name)

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


HELLO_EVENTS = ["Started", "Output", "StepJudged", "Finished"]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not is_so():  # noqa: ASYNC110  (what it waits for announces nothing)
            await asyncio.sleep(0)


async def test_it_runs_here_first() -> None:
    bench = Bench()
    far = bench.slave("far")
    await bench.run()
    assert (bench.here.started, far.executor.started, bench.kinds()) == (["a"], [], HELLO_EVENTS)


async def test_what_does_not_fit_here_runs_there() -> None:
    bench = Bench()
    far = bench.slave("far")
    hanging = bench.start(HANG, "a")
    await until(bench.here.hangs.is_set)
    await bench.run(name="b")
    assert far.executor.started == ["b"]
    bench.here.release.set()
    await hanging


@pytest.mark.parametrize("trouble", [NodeFull("full"), LanguageLacking("no")])
async def test_a_refusal_sends_it_to_another_and_tells_nobody(trouble: Exception) -> None:
    bench = Bench(slots=0)
    bench.slave("far", trouble)
    bench.slave("other", trouble)
    running = bench.start()
    await until(lambda: bool(bench.dispatcher._displaced))
    bench.hear("other")
    await running
    assert bench.kinds() == HELLO_EVENTS


async def test_what_a_lost_try_has_told_is_void() -> None:
    bench = Bench(slots=0)
    far = bench.slave("far", NodeLost("gone"))
    far.trouble_after_start = True
    bench.slave("other")
    await bench.run()
    assert bench.kinds() == ["Started", "Restarted", *HELLO_EVENTS]


async def test_losing_a_node_ends_its_try_and_runs_it_elsewhere() -> None:
    bench = Bench(slots=0)
    far = bench.slave("far")
    running = bench.start(HANG)
    await until(far.executor.hangs.is_set)
    bench.dispatcher.lose("far")
    del bench.links["far"]
    await until(lambda: not far.executor.running)
    other = bench.slave("other")
    other.executor.release.set()
    await running
    assert bench.kinds() == ["Started", "Output", "Restarted", *HELLO_EVENTS]
    assert isinstance(bench.events[-1], Finished)


async def test_those_that_lost_their_place_go_before_others() -> None:
    bench = Bench(slots=0)
    far = bench.slave("far")
    running = bench.start(HANG)
    await until(far.executor.hangs.is_set)
    asked: list[bool] = []
    bench.dispatcher.on_room = lambda: asked.append(bench.dispatcher.reserve("b", DEMO))
    bench.dispatcher.lose("far")
    await until(lambda: "Restarted" in bench.kinds())
    again = bench.links["far"] = FakeLink()
    again.executor.release.set()
    bench.hear("far")
    await running
    assert asked == [False]


async def test_it_is_not_tried_for_ever() -> None:
    bench = Bench(slots=0)
    far = bench.slave("far", *[NodeLost("gone") for _ in range(MAX_TRIES)])
    running = bench.start()
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not running.done():
            bench.now += 60
            bench.hear("far")
            await asyncio.sleep(0)
    assert far.troubles == []
    with pytest.raises(SandboxLost):
        await running


async def test_a_node_whose_engine_fails_sends_its_work_on() -> None:
    bench = Bench()
    far = bench.slave("far")
    bench.here.is_engine_up = False
    await bench.run(name="a")
    await bench.run(name="b")
    await bench.run(name="c")
    assert far.executor.started[-1] == "c"
    assert [kind for kind in bench.kinds() if kind == "Finished"] == ["Finished"] * 3


async def test_a_node_alone_says_that_its_engine_fails() -> None:
    bench = Bench()
    bench.here.is_engine_up = False
    with pytest.raises(EngineUnavailable):
        await bench.run()


async def test_a_forwarded_one_is_not_sent_on_when_the_engine_fails() -> None:
    bench = Bench()
    far = bench.slave("far")
    bench.here.is_engine_up = False
    assert bench.dispatcher.reserve("a", Lane("demo", is_forwarded=True))
    with pytest.raises(EngineUnavailable):
        await bench.run()
    assert far.executor.started == []


async def test_who_waits_for_a_node_that_does_not_come_is_told_so() -> None:
    bench = Bench(slots=0, patience=10.0)
    far = bench.slave("far")
    running = bench.start(HANG)
    await until(far.executor.hangs.is_set)
    bench.dispatcher.lose("far")
    await until(lambda: "Restarted" in bench.kinds())
    assert bench.dispatcher.overdue(()) == ()
    bench.now += 10.0
    assert bench.dispatcher.overdue(()) == (DEMO,)
    with pytest.raises(NoNodeServes, match="demo"):
        await running


async def test_cancelling_ends_it_where_it_runs_and_frees_its_place() -> None:
    bench = Bench(slots=0)
    far = bench.slave("far")
    running = bench.start(HANG)
    await until(far.executor.hangs.is_set)
    running.cancel()
    await asyncio.wait({running})
    assert far.executor.running == set()
    bench.dispatcher.leave("a")
    assert bench.dispatcher.has_room(DEMO)
    assert bench.dispatcher.at(HERE) == bench.dispatcher.at("far") == ()


async def test_a_node_that_is_lost_after_the_end_changes_nothing() -> None:
    bench = Bench(slots=0)
    link = bench.slave("far")

    async def ends_and_is_lost(submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        await FakeExecutor().run(submission_id, plan, emit)
        raise NodeLost("gone")

    link.run = ends_and_is_lost  # type: ignore[method-assign]
    await bench.run()
    assert bench.kinds() == HELLO_EVENTS
    assert any(isinstance(event, Output) for event in bench.events)


class FailsTwice(FakeExecutor):
    """Its engine is away when the first two are to run, and back when the next come."""

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        if len(self.started) < 2:
            self.started.append(submission_id)
            raise EngineUnavailable("The engine was away for a moment.")
        await super().run(submission_id, plan, emit, controls)


async def test_what_came_in_the_pause_of_a_node_alone_runs_when_that_is_over() -> None:
    executor = FailsTwice()
    submissions = submissions_over(MemoryStore(), executor, 1)
    cluster = cluster_over(submissions)
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        submissions.at_work(),
        background(cluster.look_at_waiting_for_ever(), "waiting"),
    ):
        ends = [await submissions.wait((await submissions.accept(program(HELLO))).id) for _ in range(3)]
        assert [end.verdict for end in ends] == [Verdict.INTERNAL_ERROR, Verdict.INTERNAL_ERROR, Verdict.OK]
        await submissions.drain(0)
