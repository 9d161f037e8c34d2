"""What is said to a runner, and in which order, to run one plan: files, the compiler, the cases, artifacts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

from ccx.wire import Comparison, Verdict
from ccx_orchestrator.docker_host.execution.interactive_input import InteractiveInput
from ccx_orchestrator.docker_host.runner.protocol import (
    MAX_DATA,
    MAX_PAYLOAD,
    Begun,
    Chunk,
    Credit,
    FileAnswer,
    FileData,
    FileNames,
    Frame,
    Prestarted,
    Result,
    cancel_frame,
    file_frames,
    get_frame,
    input_end_frame,
    input_frame,
    list_frame,
    preserve_frame,
    step_frame,
)
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandbox
from ccx_orchestrator.domain.events import ArtifactSent, Finished, How, Output, StepJudged, StepReport, Stream
from ccx_orchestrator.domain.plan import Case, Plan, Step
from ccx_orchestrator.domain.verdicts import Judgement, judge, judge_compile, judge_output
from ccx_orchestrator.domain.wanted_files import Wanted, have_patterns, wanted_files
from ccx_orchestrator.ports.execution import Controls, Emit, SandboxLost

COMPILE_STEP = 1
FIRST_CASE_STEP = 2
PIPELINED_STEPS = 2  # one runs, one waits: the runner never idles for a round trip
LAST_FIGURES_SECONDS = 0.3  # for a runner to kill a step and count it: milliseconds, on a host that is not overloaded
SMALL_OUTPUT_BYTES = 64 * 1024  # compared in about a millisecond
MAX_ARTIFACT_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class _Running:
    """A step the runner knows of: what it still has to be given, and what it has written so far."""

    step: Step
    sent: int
    credit: int
    has_begun: bool = False
    stdout: bytearray = field(default_factory=bytearray)


class RunnerSession:
    """Runs one plan in one sandbox and emits its events, Started apart. Raises SandboxLost."""

    def __init__(self, sandbox: Sandbox, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        self._sandbox = sandbox
        self._link = sandbox.link
        self._plan = plan
        self._emit = emit
        self._steps: dict[int, _Running] = {}
        self._keyboard = InteractiveInput(sandbox.link, controls) if controls else None
        self._awaited: int | None = None

    async def hold(self) -> None:
        """The whole of it, up to and including Finished. Where it is cancelled, what the step that ran has used is told
        last.
        """
        try:
            await self._hold()
        except asyncio.CancelledError:
            await self._tell_last_figures()
            raise

    async def _hold(self) -> None:
        for file in self._plan.files:
            for piece in file_frames(file.name, file.data):
                await self._link.send(piece)
        failure = await self._compile()
        if failure is None:
            await self._sandbox.limit(self._plan.limits.memory_bytes, self._plan.limits.processes)
            async with self._keyboard.connected() if self._keyboard else nullcontext():
                failure = await self._run_cases()
            await self._fetch_artifacts()
        await self._emit(Finished(failure.verdict, failure.message) if failure else Finished(Verdict.OK, None))

    async def end_out_of_memory(self) -> None:
        """The events with which it ends where the kernel killed the runner too, because the memory was used up."""
        compiling = self._plan.compile if self._awaited == COMPILE_STEP else None
        limits = self._sandbox.held_to(compiling.limits) if compiling else self._plan.limits
        report = StepReport.killed(memory_bytes=limits.memory_bytes, oom_kills=1)  # nobody was left to count the rest
        judgement = judge_compile(report, limits) if compiling else judge(report, limits)
        if self._awaited is not None:
            await self._tell(_case_of(self._awaited), report, judgement)
        await self._emit(Finished(judgement.verdict, judgement.message))

    async def _tell_last_figures(self) -> None:
        """End the step that runs, and tell its report. A runner that is slow to answer is not waited for."""
        if (number := self._awaited) is None:
            return
        with suppress(TimeoutError, SandboxLost):
            async with asyncio.timeout(LAST_FIGURES_SECONDS):
                await self._link.send(cancel_frame(number))
                report = await self._result_of(number)
                await self._tell(_case_of(number), report, judge(report, self._plan.limits))

    async def _compile(self) -> Judgement | None:
        """Run the compiler, if the language has one; how it failed, None where it did not."""
        step = self._plan.compile
        if step is None:
            return None
        await self._send_step(COMPILE_STEP, step, restore=False)
        report = await self._result_of(COMPILE_STEP)
        judgement = judge_compile(report, self._sandbox.held_to(step.limits)).because(self._plan.source_trouble)
        await self._tell(None, report, judgement)
        return None if judgement.verdict is Verdict.OK else judgement

    async def _run_cases(self) -> Judgement | None:
        """Run the cases in order; the judgement of the first that is not ok."""
        cases = self._plan.cases
        if len(cases) > 1:
            await self._link.send(preserve_frame())
        ahead = 1 if self._plan.stop_on_failure else PIPELINED_STEPS
        failure: Judgement | None = None
        for index, case in enumerate(cases):
            for coming in range(index, min(index + ahead, len(cases))):
                if FIRST_CASE_STEP + coming not in self._steps:
                    await self._send_step(FIRST_CASE_STEP + coming, cases[coming].step, restore=coming > 0)
            judgement = await self._judge_case(index, case)
            if failure is None and judgement.verdict is not Verdict.OK:
                failure = judgement
            if failure and self._plan.stop_on_failure:
                break
        return failure

    async def _judge_case(self, index: int, case: Case) -> Judgement:
        number = FIRST_CASE_STEP + index
        report = await self._result_of(number)
        running = self._steps.pop(number)
        judgement = judge(report, case.step.limits)
        if self._plan.compile is None and report.how is How.EXITED:
            judgement = judgement.because(self._plan.source_trouble)
        if judgement.verdict is Verdict.OK and case.expected_stdout is not None:
            judgement = await _compared(case.expected_stdout, bytes(running.stdout), case.compare)
        await self._tell(index, report, judgement)
        return judgement

    async def _tell(self, case: int | None, report: StepReport, judgement: Judgement) -> None:
        await self._emit(StepJudged(case, report, judgement.verdict, judgement.limit, judgement.message))

    async def _send_step(self, number: int, step: Step, *, restore: bool) -> None:
        data, inline = step_frame(number, step, self._plan.environment, restore=restore)
        self._steps[number] = _Running(step, sent=inline, credit=MAX_PAYLOAD - inline)
        await self._link.send(data)

    async def _result_of(self, number: int) -> StepReport:
        """Serve the runner until that step has ended."""
        self._awaited = number
        while True:
            match await self._link.receive():
                case Result(step, report) if step == number:
                    self._awaited = None
                    return report
                case Chunk(step, is_stderr, data):
                    await self._pass_on(step, is_stderr, data)
                case Begun(step):
                    self._known(step).has_begun = True
                    await self._feed(step)
                    if self._keyboard and step != COMPILE_STEP:
                        self._keyboard.begin(step)
                case Credit(step, amount):
                    self._known(step).credit += amount
                    await self._feed(step)
                    if self._keyboard and step != COMPILE_STEP:
                        self._keyboard.taken(amount)
                case Prestarted():
                    pass  # in time for its step, at the latest
                case other:
                    raise _unexpected(other)

    async def _pass_on(self, step: int, is_stderr: bool, data: bytes) -> None:
        running = self._known(step)
        case = _case_of(step)
        if case is not None and not is_stderr and self._plan.cases[case].expected_stdout is not None:
            running.stdout += data
        await self._emit(Output(case, Stream.STDERR if is_stderr else Stream.STDOUT, data))

    async def _feed(self, number: int) -> None:
        """Give a step as much of its input as its credit allows."""
        running = self._known(number)
        stdin = running.step.stdin
        while running.has_begun and running.credit and running.sent < len(stdin):
            piece = stdin[running.sent : running.sent + min(running.credit, MAX_DATA)]
            running.sent += len(piece)
            running.credit -= len(piece)
            await self._link.send(input_frame(number, piece))
            if running.sent == len(stdin):
                await self._link.send(input_end_frame(number))

    def _known(self, step: int) -> _Running:
        if step not in self._steps:
            raise SandboxLost(f"the runner spoke of step {step}, which it was never given")
        return self._steps[step]

    async def _fetch_artifacts(self) -> None:
        for file in await self._wanted_files():
            if file.refusal is not None:
                await self._emit(ArtifactSent(file.name, b"", file.refusal))
                continue
            await self._link.send(get_frame(file.name, MAX_ARTIFACT_BYTES))
            answer = await self._link.receive()
            if not isinstance(answer, FileAnswer):
                raise _unexpected(answer)
            data = b"".join([piece async for piece in self._pieces(answer.size)])
            await self._emit(ArtifactSent(file.name, data, answer.error or None))

    async def _wanted_files(self) -> Iterable[Wanted]:
        asked = self._plan.artifacts
        if not have_patterns(asked):
            return map(Wanted, asked)
        await self._link.send(list_frame())
        answer = await self._link.receive()
        if not isinstance(answer, FileNames):
            raise _unexpected(answer)
        return wanted_files(asked, answer.names, are_all=answer.are_all)

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        while size > 0:
            piece = await self._link.receive()
            if not isinstance(piece, FileData) or not piece.data:
                raise _unexpected(piece)
            size -= len(piece.data)
            yield piece.data


def _case_of(step: int) -> int | None:
    """The case that a step runs, None for the compiler's."""
    return None if step == COMPILE_STEP else step - FIRST_CASE_STEP


async def _compared(expected: str, actual: bytes, how: Comparison) -> Judgement:
    """The judgement of an output. A large one is compared beside the event loop, which others wait for."""
    if len(actual) <= SMALL_OUTPUT_BYTES:
        return judge_output(expected, actual, how)
    return await asyncio.to_thread(judge_output, expected, actual, how)


def _unexpected(frame: Frame) -> SandboxLost:
    return SandboxLost(f"the runner sent a frame out of turn: {type(frame).__name__}")
