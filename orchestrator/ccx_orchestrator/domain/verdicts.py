"""From the runner's counters to a verdict that names its cause. Nothing is guessed from an exit code or from text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import strerror
from signal import Signals

from ccx.wire import Comparison, Verdict
from ccx_orchestrator.domain.comparing import difference
from ccx_orchestrator.domain.events import EndedBy, How, StepReport
from ccx_orchestrator.domain.limits import Limits


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the name of the limit behind it, the cause in one sentence, and what a judging program said."""

    verdict: Verdict
    limit: str | None = None
    message: str | None = None
    feedback: str | None = None

    def because(self, trouble: str) -> Judgement:
        """The same with what may be the reason, where it failed by itself and there is one."""
        is_own = self.verdict in {Verdict.COMPILE_ERROR, Verdict.RUNTIME_ERROR} and self.limit is None
        return replace(self, message=f"{self.message} {trouble}") if trouble and is_own else self


def signal_name(number: int) -> str:
    """SIGSEGV for 11; real-time signals by their distance from the first."""
    try:
        return Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - 34}"


def judge(report: StepReport, limits: Limits) -> Judgement:
    """What a run came to, before its output is compared with anything.

    The order is that of certainty about the cause: a cancel is the user's own; the kernel's own counters for memory
    and processes explain
    why a program then hung or failed, so they go before the clocks, but only where the program did not end well by
    itself.
    """
    if report.ended_by is EndedBy.CANCEL:
        return Judgement(Verdict.CANCELLED, message="It was cancelled.")
    if report.how is How.NOT_STARTED:
        return Judgement(Verdict.RUNTIME_ERROR, message=f"It could not be started: {strerror(report.code)}.")
    if _ended_well(report):
        return Judgement(Verdict.OK)
    return _by_kernel(report, limits) or _by_runner(report, limits) or _by_itself(report, limits)


def _ended_well(report: StepReport) -> bool:
    return report.ended_by is EndedBy.NOTHING and report.how is How.EXITED and report.code == 0


def _by_kernel(report: StepReport, limits: Limits) -> Judgement | None:
    if report.oom_kills or report.marker_found:
        message = f"It needed more memory than its limit of {mebibytes(limits.memory_bytes)}."
        return Judgement(Verdict.MEMORY_LIMIT, "memory_bytes", message)
    if report.ended_by in {EndedBy.STDOUT, EndedBy.STDERR}:
        message = f"It wrote more than {limits.output_bytes} bytes to {report.ended_by.value}."
        return Judgement(Verdict.OUTPUT_LIMIT, "output_bytes", message)
    if report.refused_forks:
        message = f"It tried to have more than {limits.processes} processes or threads at once."
        return Judgement(Verdict.PROCESS_LIMIT, "processes", message)
    return None


def _by_runner(report: StepReport, limits: Limits) -> Judgement | None:
    if report.ended_by is EndedBy.CPU:
        message = f"It used more than {limits.cpu_seconds:g} s of CPU time."
        return Judgement(Verdict.CPU_TIME_LIMIT, "cpu_seconds", message)
    if report.ended_by is EndedBy.WALL:
        message = f"It ran for longer than {limits.wall_seconds:g} s."
        return Judgement(Verdict.WALL_TIME_LIMIT, "wall_seconds", message)
    return None


def _by_itself(report: StepReport, limits: Limits) -> Judgement:
    if report.how is How.EXITED:
        return Judgement(Verdict.RUNTIME_ERROR, message=f"It exited with status {report.code}.")
    name = signal_name(report.code)
    if name == "SIGXFSZ":
        message = f"It tried to write a file larger than {limits.file_bytes} bytes (SIGXFSZ)."
        return Judgement(Verdict.OUTPUT_LIMIT, "file_bytes", message)
    return Judgement(Verdict.RUNTIME_ERROR, message=f"It was ended by signal {report.code} ({name}).")


def judge_compile(report: StepReport, limits: Limits) -> Judgement:
    """The same for the compiler: all that is not ok or cancelled is a compile error, with the limit named where one
    ended it.
    """
    judgement = judge(report, limits)
    if judgement.verdict in {Verdict.OK, Verdict.CANCELLED}:
        return judgement
    has_cause = judgement.limit or report.how is How.NOT_STARTED
    message = f"Compiling failed. {judgement.message}" if has_cause else "It does not compile."
    return Judgement(Verdict.COMPILE_ERROR, judgement.limit, message)


def mebibytes(size: int) -> str:
    """A size for people: 256 MiB."""
    return f"{size / 1_048_576:.4g} MiB"


def judge_output(expected: str, actual: bytes, how: Comparison) -> Judgement:
    """A run that ended well, held against the output it should have had."""
    found = difference(expected.encode(), actual, how)
    if found is None:
        return Judgement(Verdict.OK)
    return Judgement(Verdict.WRONG_ANSWER, message=f"Its output is not the expected one. {found}")
