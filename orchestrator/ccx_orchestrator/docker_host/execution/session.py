"""How one plan is run in its sandbox, in which order: files, the compiler, the cases and who judges them, artifacts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import dataclass, field

from ccx.wire import Comparison, Verdict
from ccx_orchestrator.docker_host.execution.beside import beside
from ccx_orchestrator.docker_host.execution.crossing import Crossing
from ccx_orchestrator.docker_host.execution.dialogue import COMPILE_STEP, Dialogue
from ccx_orchestrator.docker_host.execution.interactive_input import InteractiveInput
from ccx_orchestrator.docker_host.execution.judging import JudgeSession
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandbox
from ccx_orchestrator.domain.checking import decided
from ccx_orchestrator.domain.events import ArtifactSent, Finished, How, Output, StepJudged, StepReport, Stream
from ccx_orchestrator.domain.plan import Case, Judging, Plan
from ccx_orchestrator.domain.verdicts import Judgement, judge, judge_compile, judge_output
from ccx_orchestrator.domain.wanted_files import Wanted, have_patterns, wanted_files
from ccx_orchestrator.ports.execution import Controls, Emit, SandboxLost

FIRST_CASE_STEP = 2
LAST_FIGURES_SECONDS = 0.3  # for a runner to kill a step and count it: milliseconds, on a host that is not overloaded
SMALL_OUTPUT_BYTES = 64 * 1024  # compared in about a millisecond
MAX_ARTIFACT_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class _Outputs:
    """What a step writes: told, and kept where it decides about the case."""

    emit: Emit
    case: int | None
    keeps_stdout: bool = False
    to_interactor: Crossing | None = None
    stdout: bytearray = field(default_factory=bytearray)

    async def take(self, stream: Stream, data: bytes) -> None:
        """A piece of it."""
        if stream is Stream.STDOUT and self.keeps_stdout:
            self.stdout += data
        if stream is Stream.STDOUT and self.to_interactor:
            self.to_interactor.put(data)
        await self.emit(Output(self.case, stream, data))


class RunnerSession:
    """Runs one plan in one sandbox, and the plan's judges in theirs, and emits its events, Started apart. Raises
    SandboxLost.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        plan: Plan,
        emit: Emit,
        controls: Controls | None = None,
        judges: Sequence[JudgeSession] = (),
    ) -> None:
        self._sandbox = sandbox
        self._dialogue = Dialogue(sandbox.link, plan.environment)
        self._plan = plan
        self._emit = emit
        self._judges = judges
        self._keyboard = InteractiveInput(sandbox.link, controls) if controls else None
        self._begun: dict[int, _Outputs] = {}  # by case

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
        async with AsyncExitStack() as judges:
            for judge_session in self._judges:
                await judges.enter_async_context(judge_session.at_work())
            await self._dialogue.put(self._plan.files)
            failure = await self._compile() or await self._judges_failure()
            if failure is None:
                await self._sandbox.limit(self._plan.limits.memory_bytes, self._plan.limits.processes)
                async with self._keyboard.connected() if self._keyboard else nullcontext():
                    failure = await self._run_cases()
                await self._fetch_artifacts()
        await self._emit(Finished(failure.verdict, failure.message) if failure else Finished(Verdict.OK, None))

    async def end_out_of_memory(self) -> None:
        """The events with which it ends where the kernel killed the runner too, because the memory was used up."""
        awaited = self._dialogue.awaited
        compiling = self._plan.compile if awaited == COMPILE_STEP else None
        limits = self._sandbox.held_to(compiling.limits) if compiling else self._plan.limits
        report = StepReport.killed(memory_bytes=limits.memory_bytes, oom_kills=1)  # nobody was left to count the rest
        judgement = judge_compile(report, limits) if compiling else judge(report, limits)
        if awaited is not None:
            await self._tell(_case_of(awaited), report, judgement)
        await self._emit(Finished(judgement.verdict, judgement.message))

    async def _tell_last_figures(self) -> None:
        """End the step that runs, and tell its report. A runner that is slow to answer is not waited for."""
        if (number := self._dialogue.awaited) is None:
            return
        with suppress(TimeoutError, SandboxLost):
            async with asyncio.timeout(LAST_FIGURES_SECONDS):
                await self._dialogue.cancel(number)
                report = await self._dialogue.result_of(number)
                await self._tell(_case_of(number), report, judge(report, self._plan.limits))

    async def _compile(self) -> Judgement | None:
        """Run the compiler, if the language has one; how it failed, None where it did not."""
        step = self._plan.compile
        if step is None:
            return None
        await self._dialogue.start(COMPILE_STEP, step, _Outputs(self._emit, None).take)
        report = await self._dialogue.result_of(COMPILE_STEP)
        judgement = judge_compile(report, self._sandbox.held_to(step.limits)).because(self._plan.source_trouble)
        await self._tell(None, report, judgement)
        return None if judgement.verdict is Verdict.OK else judgement

    async def _judges_failure(self) -> Judgement | None:
        """Wait for the judges; why one of them cannot judge."""
        for judge_session in self._judges:
            if (failure := await judge_session.failure()) is not None:
                return failure
        return None

    async def _run_cases(self) -> Judgement | None:
        """Run the cases in order; the judgement of the first that is not ok. Where nothing speaks against it, the next
        step is sent while one runs, so that the runner never idles for a round trip.
        """
        cases = self._plan.cases
        if len(cases) > 1:
            await self._dialogue.preserve()
        failure: Judgement | None = None
        for index, case in enumerate(cases):
            await self._prepare(index, case)
            if self._may_begin(index + 1, case):
                await self._start(index + 1, cases[index + 1])
            judgement = await self._judge_case(index, case)
            if failure is None and judgement.verdict is not Verdict.OK:
                failure = judgement
            if failure and self._plan.stop_on_failure:
                break
        return failure

    def _may_begin(self, following: int, case: Case) -> bool:
        cases = self._plan.cases
        is_one = following < len(cases) and not self._plan.stop_on_failure
        return is_one and case.can_be_followed and cases[following].can_begin_early

    async def _prepare(self, index: int, case: Case) -> None:
        """Give a case its files, and start it, unless it was started early or starts with its interactor."""
        if case.files:
            if index > 0:
                await self._dialogue.go_back()
            await self._dialogue.put(case.files, replaces=True)
        if case.judging is None or not case.judging.is_beside:
            await self._start(index, case)

    async def _start(
        self, index: int, case: Case, crossing: Crossing | None = None, keyboard: InteractiveInput | None = None
    ) -> None:
        if index in self._begun:
            return
        outputs = self._begun[index] = _Outputs(self._emit, index, case.is_judged_by_stdout, crossing)
        restore = index > 0 and not case.files
        keyboard = keyboard or self._keyboard
        await self._dialogue.start(FIRST_CASE_STEP + index, case.step, outputs.take, restore=restore, keyboard=keyboard)

    async def _judge_case(self, index: int, case: Case) -> Judgement:
        if case.judging and case.judging.is_beside:
            report, judgement = await self._run_beside(index, case, case.judging)
        else:
            report = await self._dialogue.result_of(FIRST_CASE_STEP + index)
            judgement = self._own_judgement(case, report)
            outputs = self._begun.pop(index)
            if judgement.verdict is Verdict.OK:
                judgement = await self._judge_output(case, bytes(outputs.stdout))
        await self._tell(index, report, judgement)
        return judgement

    def _own_judgement(self, case: Case, report: StepReport) -> Judgement:
        """What the run came to, before its output is looked at."""
        judgement = judge(report, case.step.limits)
        if self._plan.compile is None and report.how is How.EXITED:
            return judgement.because(self._plan.source_trouble)
        return judgement

    async def _judge_output(self, case: Case, output: bytes) -> Judgement:
        """A run that ended well, by its output."""
        if case.output_file is not None:
            output, error = await self._dialogue.fetch(case.output_file, case.step.limits.file_bytes)
            if error:
                return Judgement(Verdict.WRONG_ANSWER, message=f"Its output should be in {case.output_file}: {error}.")
        if case.judging:
            return await self._judges[case.judging.judge].check(case.judging, output)
        if case.expected is None:
            return Judgement(Verdict.OK)
        return await _compared(case.expected, output, case.compare)

    async def _run_beside(self, index: int, case: Case, judging: Judging) -> tuple[StepReport, Judgement]:
        """A case and its interactor, at the same time."""
        interactor = self._judges[judging.judge]
        to_program, to_interactor = Crossing(), Crossing()
        keyboard = InteractiveInput(self._sandbox.link, to_program)
        number = FIRST_CASE_STEP + index
        await self._start(index, case, to_interactor, keyboard)
        async with (
            keyboard.connected(),
            beside(interactor.interact(judging, to_interactor, to_program)) as verdict,
            beside(self._dialogue.result_of(number)) as report,
        ):
            await asyncio.wait((verdict, report), return_when=asyncio.FIRST_COMPLETED)
            if was_first := verdict.done():
                if (await verdict).verdict is not Verdict.OK and not report.done():
                    await self._dialogue.cancel(number)
            elif self._own_judgement(case, await report).verdict is not Verdict.OK:
                await interactor.cancel()
            to_interactor.end()
            own = self._own_judgement(case, await report)
            return await report, decided(own, await verdict, interactor_was_first=was_first)

    async def _tell(self, case: int | None, report: StepReport, judged: Judgement) -> None:
        await self._emit(StepJudged(case, report, judged.verdict, judged.limit, judged.message, judged.feedback))

    async def _fetch_artifacts(self) -> None:
        for file in await self._wanted_files():
            data, error = b"", file.refusal
            if error is None:
                data, error = await self._dialogue.fetch(file.name, MAX_ARTIFACT_BYTES)
            await self._emit(ArtifactSent(file.name, data, error or None))

    async def _wanted_files(self) -> Iterable[Wanted]:
        asked = self._plan.artifacts
        if not have_patterns(asked):
            return map(Wanted, asked)
        found = await self._dialogue.names()
        return wanted_files(asked, found.names, are_all=found.are_all)


def _case_of(step: int) -> int | None:
    """The case that a step runs, None for the compiler's."""
    return None if step == COMPILE_STEP else step - FIRST_CASE_STEP


async def _compared(expected: str, actual: bytes, how: Comparison) -> Judgement:
    """The judgement of an output. A large one is compared beside the event loop, which others wait for."""
    if len(actual) <= SMALL_OUTPUT_BYTES:
        return judge_output(expected, actual, how)
    return await asyncio.to_thread(judge_output, expected, actual, how)
