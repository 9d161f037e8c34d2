"""From our result to what Piston answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from signal import Signals
from typing import Any

from ccx.wire import LanguageInfo, StepUsage, Submission, Verdict
from ccx_orchestrator.domain.events import Output, Told
from ccx_orchestrator.doors.piston.versions import semantic_version

_KILLED = {Verdict.CPU_TIME_LIMIT, Verdict.WALL_TIME_LIMIT, Verdict.OUTPUT_LIMIT, Verdict.MEMORY_LIMIT}
_STATUS = {
    Verdict.CPU_TIME_LIMIT: "TO",
    Verdict.WALL_TIME_LIMIT: "TO",
    Verdict.OUTPUT_LIMIT: "OL",
    Verdict.MEMORY_LIMIT: "SG",
}
_MESSAGES = {
    Verdict.CPU_TIME_LIMIT: "Time limit exceeded",
    Verdict.WALL_TIME_LIMIT: "Time limit exceeded (wall clock)",
}


def runtime(language: LanguageInfo) -> dict[str, Any]:
    """A language in their list."""
    return {"language": language.name, "version": semantic_version(language), "aliases": list(language.aliases)}


def package(language: LanguageInfo) -> dict[str, Any]:
    """The same in their list of packages."""
    return {"language": language.name, "language_version": semantic_version(language), "installed": True}


def execution(submission: Submission, language: LanguageInfo, told: Iterable[Told]) -> dict[str, Any]:
    """The answer to `execute`. `told` are the events: in them the two outputs stand as they came."""
    outputs = [one for one in told if isinstance(one, Output)]
    answer: dict[str, Any] = {"language": language.name, "version": semantic_version(language)}
    if submission.compile is not None:
        failed = submission.verdict if not submission.cases else Verdict.OK
        answer["compile"] = _stage(submission.compile, failed, _interleaved(outputs, None))
    if submission.cases:
        case = submission.cases[0]
        answer["run"] = _stage(case, case.verdict, _interleaved(outputs, 0))
    else:
        answer["run"] = answer.get("compile") or _stage(StepUsage(message=submission.message), submission.verdict, b"")
    return answer


def _interleaved(outputs: Iterable[Output], case: int | None) -> bytes:
    return b"".join(output.data for output in outputs if output.case == case)


def _stage(step: StepUsage, verdict: Verdict | None, output: bytes) -> dict[str, Any]:
    is_killed = verdict in _KILLED
    signal = "SIGKILL" if is_killed else step.signal
    return {
        "stdout": step.stdout_data().decode(errors="replace"),
        "stderr": step.stderr_data().decode(errors="replace"),
        "output": output.decode(errors="replace"),
        "code": None if signal else step.exit_code,
        "signal": signal,
        "message": _message(step, verdict),
        "status": _status(step, verdict),
        "cpu_time": round(step.cpu_seconds * 1000),
        "wall_time": round(step.wall_seconds * 1000),
        "memory": step.memory_bytes,
    }


def _status(step: StepUsage, verdict: Verdict | None) -> str | None:
    if verdict is None or verdict is Verdict.OK:
        return None
    return _STATUS.get(verdict) or ("SG" if step.signal else "RE")


def _message(step: StepUsage, verdict: Verdict | None) -> str | None:
    if verdict is None or verdict is Verdict.OK:
        return None
    if verdict in _MESSAGES:
        return _MESSAGES[verdict]
    if verdict in _KILLED or verdict is Verdict.PROCESS_LIMIT:
        return step.message
    if step.signal and step.signal in Signals.__members__:
        return f"Caught fatal signal {Signals[step.signal].value}"
    return f"Exited with error status {step.exit_code}" if step.exit_code else step.message
