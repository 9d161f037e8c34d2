"""What every executor promises: the fake that other tests rely on, and the one that starts containers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from signal import Signals
from uuid import uuid4

import pytest

from ccx.wire import SourceFile, SubmissionRequest, Verdict
from ccx_orchestrator.docker_host.engine.client import open_engine
from ccx_orchestrator.docker_host.execution.executor import DockerExecutor
from ccx_orchestrator.docker_host.janitor import this_process
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.sandboxes.hardening import Owner
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandboxes
from ccx_orchestrator.domain.controls import InputEnded, Signalled, Typed
from ccx_orchestrator.domain.events import Event, Finished, Output, Restarted, Started, StepJudged, Stream
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.planning import make_interactive, make_plan
from ccx_orchestrator.ports.execution import Executor
from ccx_orchestrator.settings import Settings
from ccx_orchestrator.submissions.console import Console
from tests.support.fakes import ECHO, FAIL, HANG, HELLO, FakeExecutor
from tests.support.languages import language

DEADLINE_SECONDS = 30.0
ECHO_IN_PYTHON = """
import os, signal
signal.signal(signal.SIGINT, lambda number, _: os.write(2, signal.Signals(number).name.encode()))
while data := os.read(0, 100):
    os.write(1, data)
"""
PYTHON = {
    HELLO: "print('hello\\n', end='')",  # in one piece: print writes a line and its end apart
    FAIL: "raise SystemExit(3)",
    HANG: "import time\nprint('hello\\n', end='')\ntime.sleep(100)",
    ECHO: ECHO_IN_PYTHON,
}


@dataclass
class Bench:
    """An executor, the language its programs are in, and the programs."""

    executor: Executor
    language: Language
    programs: dict[str, str]

    def plan(self, program: str) -> Plan:
        files = (SourceFile(name="main" + self.language.suffixes[0], content=self.programs[program]),)
        return make_plan(SubmissionRequest(language=self.language.name, files=files), lambda _: self.language)

    def interactive_plan(self, program: str) -> Plan:
        files = (SourceFile(name="main" + self.language.suffixes[0], content=self.programs[program]),)
        request = SubmissionRequest(language=self.language.name, files=files)
        return make_interactive(make_plan(request, lambda _: self.language), request, has_terminal=False)

    async def events(self, program: str) -> list[Event | Restarted]:
        events: list[Event | Restarted] = []

        async def emit(event: Event | Restarted) -> None:
            events.append(event)

        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.executor.run(uuid4().hex, self.plan(program), emit)
        return events


@asynccontextmanager
async def fake_bench() -> AsyncIterator[Bench]:
    yield Bench(FakeExecutor(), language(), {name: name for name in PYTHON})


@asynccontextmanager
async def docker_bench() -> AsyncIterator[Bench]:
    name = f"contract-{uuid4().hex[:8]}"
    async with open_engine() as engine:
        languages = await Languages.find_images(engine, Settings().images_dir, ["python"])
        sandboxes = Sandboxes(engine, Owner(name, this_process()))
        yield Bench(DockerExecutor(engine, sandboxes, languages, name), languages.find("python"), PYTHON)
        await sandboxes.drain()
        assert await engine.labelled(f"ccx.owner={name}") == []


@pytest.fixture(params=[fake_bench, docker_bench], ids=["fake", "docker"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    async with request.param() as bench:
        yield bench


async def test_events_come_in_order_and_end_with_the_one_finished(bench: Bench) -> None:
    events = await bench.events(HELLO)
    assert [type(event) for event in events] == [Started, Output, StepJudged, Finished]
    assert events[1] == Output(0, Stream.STDOUT, b"hello\n")
    assert events[-1] == Finished(Verdict.OK, None)


async def test_a_failing_program_is_told_in_events(bench: Bench) -> None:
    events = await bench.events(FAIL)
    judged = events[-2]
    assert isinstance(judged, StepJudged)
    assert (judged.verdict, judged.report.code) == (Verdict.RUNTIME_ERROR, 3)
    assert events[-1] == Finished(Verdict.RUNTIME_ERROR, "It exited with status 3.")


async def test_many_run_at_a_time(bench: Bench) -> None:
    runs = await asyncio.gather(*(bench.events(HELLO) for _ in range(4)))
    assert all(events[-1] == Finished(Verdict.OK, None) for events in runs)


async def test_a_cancelled_run_tells_nothing_more_but_what_it_has_used(bench: Bench) -> None:
    events: list[Event | Restarted] = []
    has_said_hello = asyncio.Event()

    async def emit(event: Event | Restarted) -> None:
        events.append(event)
        if isinstance(event, Output):
            has_said_hello.set()

    run = asyncio.create_task(bench.executor.run(uuid4().hex, bench.plan(HANG), emit))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await has_said_hello.wait()
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
    assert [type(event) for event in events[:2]] == [Started, Output]
    assert all(isinstance(event, StepJudged) and event.verdict is Verdict.CANCELLED for event in events[2:])
    assert len(events) <= 3


async def test_what_is_typed_and_signalled_reaches_the_program_until_the_input_ends(bench: Bench) -> None:
    console = Console(None)
    events: list[Event | Restarted] = []
    has_echoed = asyncio.Event()
    was_signalled = asyncio.Event()

    async def emit(event: Event | Restarted) -> None:
        events.append(event)
        if isinstance(event, Output):
            (has_echoed if event.stream is Stream.STDOUT else was_signalled).set()

    run = asyncio.create_task(bench.executor.run(uuid4().hex, bench.interactive_plan(ECHO), emit, console))
    async with asyncio.timeout(DEADLINE_SECONDS):
        console.do(Typed(b"one\n"))
        assert await console.credit() == 4
        await has_echoed.wait()
        console.do(Signalled(Signals.SIGINT))
        await was_signalled.wait()
        console.do(Typed(b"\0\xff"))
        console.do(InputEnded())
        await run
    outputs = {
        stream: b"".join(event.data for event in events if isinstance(event, Output) and event.stream is stream)
        for stream in Stream
    }
    assert outputs == {Stream.STDOUT: b"one\n\0\xff", Stream.STDERR: b"SIGINT"}
    assert events[-1] == Finished(Verdict.OK, None)


async def test_an_engine_that_is_well_passes_the_check(bench: Bench) -> None:
    await bench.executor.check()
