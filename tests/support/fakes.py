"""Stand-ins behind our own ports. Each passes the contract suite of its port, as the real part does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from ccx.errors import EngineUnavailable, UnknownLanguage
from ccx.wire import LanguageInfo, Verdict
from ccx_orchestrator.domain.controls import InputEnded, Signalled, Typed, WindowSize
from ccx_orchestrator.domain.events import EndedBy, Finished, How, Output, Started, StepJudged, StepReport, Stream
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.verdicts import judge
from ccx_orchestrator.ports.execution import Controls, Emit, SandboxLost
from tests.support.languages import language

HELLO = "say hello"
FAIL = "exit 3"
HANG = "say hello, then hang"
LOSE = "lose the sandbox"
LOSE_ONCE = "lose the sandbox, but only the first"
LOSE_LATE = "say hello, then lose the sandbox"
BREAK = "raise a fault"
ECHO = "write what is typed, to the end of input"


@dataclass
class FakeExecutor:
    """Runs the first file's content as one of the programs above.

    `running` holds the ids that hold a sandbox; `hangs` is set when a HANG does, until `release`.
    """

    running: set[str] = field(default_factory=set)
    most_running: int = 0
    started: list[str] = field(default_factory=list)
    is_engine_up: bool = True
    hangs: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self) -> None:
        if not self.is_engine_up:
            raise EngineUnavailable("The engine is down.")

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        await self.check()
        self.running.add(submission_id)
        self.started.append(submission_id)
        self.most_running = max(self.most_running, len(self.running))
        try:
            await asyncio.sleep(0)  # as all that is real, it takes a while
            await emit(Started("fake", "demo 1.0"))
            await self._play(plan.files[0].data.decode(), plan, emit, controls)
        finally:
            self.running.discard(submission_id)

    async def _play(self, program: str, plan: Plan, emit: Emit, controls: Controls | None) -> None:
        if program == LOSE or (program == LOSE_ONCE and len(self.started) == 1):
            raise SandboxLost("it went away")
        if program == BREAK:
            raise ZeroDivisionError
        if program in {HELLO, HANG, LOSE_LATE}:
            await emit(Output(0, Stream.STDOUT, b"hello\n"))
        if program == LOSE_LATE:
            raise SandboxLost("it went away")
        if program == HANG:
            self.hangs.set()
            await self.release.wait()
        if program == ECHO and controls is not None:
            await self._echo(controls, emit)
        report = _report(3 if program == FAIL else 0, 0 if program == FAIL else 6)
        judgement = judge(report, plan.limits)
        await emit(StepJudged(0, report, judgement.verdict, judgement.limit, judgement.message))
        await emit(Finished(judgement.verdict, judgement.message))

    async def _echo(self, controls: Controls, emit: Emit) -> None:
        while True:
            match await controls.next():
                case Typed(data):
                    controls.taken(len(data))
                    await emit(Output(0, Stream.STDOUT, data))
                case InputEnded():
                    return
                case Signalled(signal):
                    await emit(Output(0, Stream.STDERR, signal.name.encode()))
                case WindowSize(rows, columns):
                    await emit(Output(0, Stream.STDERR, f"{rows}x{columns}".encode()))


@dataclass
class PuppetExecutor:
    """Runs whatever it is given by saying what the test tells it to say."""

    _said: dict[str, asyncio.Queue[bytes | None]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)

    async def check(self) -> None:
        pass

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        self.running.add(submission_id)
        try:
            await emit(Started("puppet", "demo 1.0"))
            while (data := await self._of(submission_id).get()) is not None:
                await emit(Output(0, Stream.STDOUT, data))
            report = _report(0, 0)
            await emit(StepJudged(0, report, Verdict.OK, None, None))
            await emit(Finished(Verdict.OK, None))
        finally:
            self.running.discard(submission_id)

    def says(self, submission_id: str, data: bytes) -> None:
        self._of(submission_id).put_nowait(data)

    def ends(self, submission_id: str) -> None:
        self._of(submission_id).put_nowait(None)

    def _of(self, submission_id: str) -> asyncio.Queue[bytes | None]:
        return self._said.setdefault(submission_id, asyncio.Queue())


def _report(code: int, stdout_bytes: int) -> StepReport:
    return StepReport(
        how=How.EXITED,
        code=code,
        ended_by=EndedBy.NOTHING,
        cpu_seconds=0.001,
        wall_seconds=0.001,
        memory_bytes=1_000_000,
        stdout_bytes=stdout_bytes,
        stderr_bytes=0,
        oom_kills=0,
        refused_forks=0,
        marker_found=False,
        left_behind=0,
    )


class FakeCatalogue:
    """Knows the language `demo`, and only that."""

    def find(self, name: str) -> Language:
        if name != "demo":
            raise UnknownLanguage(f"language {name!r} is not one this node serves; it serves: demo.")
        return language()

    def names(self) -> tuple[str, ...]:
        return ("demo",)

    def lacking(self) -> tuple[LanguageInfo, ...]:
        return ()

    def all(self) -> tuple[LanguageInfo, ...]:
        known = language()
        info = LanguageInfo(
            name=known.name,
            title=known.title,
            aliases=known.aliases,
            suffixes=known.suffixes,
            version="demo 1.0",
            image=known.image,
            default_limits=known.limits.default,
            highest_limits=known.limits.highest,
        )
        return (info,)


VERDICT_OF = {HELLO: Verdict.OK, FAIL: Verdict.RUNTIME_ERROR}
