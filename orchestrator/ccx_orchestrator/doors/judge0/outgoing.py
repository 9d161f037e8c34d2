"""From our submission to what Judge0 answers. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from signal import Signals
from typing import Any

from ccx.wire import CaseResult, LanguageInfo, State, StepUsage, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.domain.events import Output, Told
from ccx_orchestrator.doors.judge0.incoming import JOINED, KILOBYTE
from ccx_orchestrator.doors.judge0.languages import multi_file, number_of

IN_QUEUE, PROCESSING, ACCEPTED, WRONG_ANSWER, TIME_LIMIT, COMPILATION_ERROR = 1, 2, 3, 4, 5, 6
SIGSEGV, SIGXFSZ, SIGFPE, SIGABRT, NZEC, OTHER, INTERNAL_ERROR = 7, 8, 9, 10, 11, 12, 13
STATUSES = {
    IN_QUEUE: "In Queue",
    PROCESSING: "Processing",
    ACCEPTED: "Accepted",
    WRONG_ANSWER: "Wrong Answer",
    TIME_LIMIT: "Time Limit Exceeded",
    COMPILATION_ERROR: "Compilation Error",
    SIGSEGV: "Runtime Error (SIGSEGV)",
    SIGXFSZ: "Runtime Error (SIGXFSZ)",
    SIGFPE: "Runtime Error (SIGFPE)",
    SIGABRT: "Runtime Error (SIGABRT)",
    NZEC: "Runtime Error (NZEC)",
    OTHER: "Runtime Error (Other)",
    INTERNAL_ERROR: "Internal Error",
    14: "Exec Format Error",
}
_BY_VERDICT = {
    Verdict.OK: ACCEPTED,
    Verdict.WRONG_ANSWER: WRONG_ANSWER,
    Verdict.CPU_TIME_LIMIT: TIME_LIMIT,
    Verdict.WALL_TIME_LIMIT: TIME_LIMIT,
    Verdict.COMPILE_ERROR: COMPILATION_ERROR,
    Verdict.OUTPUT_LIMIT: SIGXFSZ,
    Verdict.INTERNAL_ERROR: INTERNAL_ERROR,
    Verdict.CANCELLED: INTERNAL_ERROR,
}
_BY_SIGNAL = {"SIGSEGV": SIGSEGV, "SIGXFSZ": SIGXFSZ, "SIGFPE": SIGFPE, "SIGABRT": SIGABRT}
_OF_PROGRAM = ("source_code", "language_id", "compiler_options", "command_line_arguments", "stdin", "expected_output")
_OF_LIMITS = ("cpu_time_limit", "wall_time_limit", "memory_limit", "max_processes_and_or_threads", "max_file_size")
_OF_RUNS = ("redirect_stderr_to_stdout", "number_of_runs", "callback_url")
_OF_RESULT = (
    *("stdout", "stderr", "compile_output", "message", "exit_code", "exit_signal", "status", "status_id"),
    *("created_at", "finished_at", "token", "time", "wall_time", "memory"),
)
FIELDS = (*_OF_PROGRAM, *_OF_LIMITS, *_OF_RUNS, *_OF_RESULT, "language")
OF_REQUEST = frozenset(FIELDS).difference(_OF_RESULT)
DEFAULT_FIELDS = ("stdout", "time", "memory", "stderr", "token", "compile_output", "message", "status")
ENCODED = ("source_code", "stdin", "expected_output", "stdout", "stderr", "compile_output", "message")
NOT_UTF8 = "some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true query parameter"


class NotText(Exception):
    """Bytes that are asked for as text."""


def answer(
    submission: Submission,
    request: SubmissionRequest | None,
    language: LanguageInfo | None,
    told: Iterable[Told],
    *,
    fields: Sequence[str],
    is_encoded: bool,
) -> dict[str, Any]:
    """The fields that were asked for. Raises NotText. `told`: its events, of one whose two outputs are one."""
    values = _result(submission, told) | _asked(request, language)
    return {name: _written(name, values.get(name), is_encoded=is_encoded) for name in fields}


def _written(name: str, value: Any, *, is_encoded: bool) -> Any:
    if name not in ENCODED or value is None:
        return value
    data: bytes = value if isinstance(value, bytes) else str(value).encode()
    if is_encoded:
        return base64.encodebytes(data).decode()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise NotText(NOT_UTF8) from error


def _asked(request: SubmissionRequest | None, language: LanguageInfo | None) -> dict[str, Any]:
    if request is None:
        return {}
    limits = request.limits
    case = request.cases[0] if request.cases else None
    title = f"{language.title} ({language.version})" if language else request.language
    named = multi_file() if request.commands else {"id": number_of(request.language), "name": title}
    return {
        "source_code": None if request.commands else request.files[0].data(),
        "language_id": named["id"],
        "language": named,
        "callback_url": request.callback_url,
        "compiler_options": " ".join(request.compile_args) or None,
        "command_line_arguments": (" ".join(case.args) or None) if case else None,
        "stdin": (case.stdin_data() or None) if case else None,
        "expected_output": case.expected_stdout if case else None,
        "redirect_stderr_to_stdout": bool(case and case.name == JOINED),
        "number_of_runs": max(1, len(request.cases)),
        "cpu_time_limit": _decimal(limits.cpu_seconds),
        "wall_time_limit": _decimal(limits.wall_seconds),
        "memory_limit": limits.memory_bytes and limits.memory_bytes // KILOBYTE,
        "max_processes_and_or_threads": limits.processes,
        "max_file_size": limits.file_bytes and limits.file_bytes // KILOBYTE,
    }


def _decimal(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:g}"


def _result(submission: Submission, told: Iterable[Told]) -> dict[str, Any]:
    status = _status(submission)
    values: dict[str, Any] = {
        "token": submission.id,
        "status": {"id": status, "description": STATUSES[status]},
        "status_id": status,
        "created_at": _moment(submission.created_at),
        "finished_at": _moment(submission.finished_at),
    }
    if submission.compile:
        values["compile_output"] = submission.compile.stderr_data() + submission.compile.stdout_data() or None
    if submission.state is State.DONE:
        values["message"] = submission.message
        values |= _of_runs(submission.cases, submission.compile, told)
    return values


def _of_runs(cases: Sequence[CaseResult], compiled: StepUsage | None, told: Iterable[Told]) -> dict[str, Any]:
    if not cases:
        return {"exit_code": compiled.exit_code} if compiled else {}
    last, count = cases[-1], len(cases)
    stdout, stderr = last.stdout_data(), last.stderr_data()
    if last.name == JOINED:
        stdout, stderr = b"".join(one.data for one in told if isinstance(one, Output) and one.case == count - 1), b""
    return {
        "stdout": stdout or None,
        "stderr": stderr or None,
        "exit_code": last.exit_code,
        "exit_signal": Signals[last.signal].value if last.signal and last.signal in Signals.__members__ else None,
        "time": f"{sum(case.cpu_seconds for case in cases) / count:.3f}",
        "wall_time": f"{sum(case.wall_seconds for case in cases) / count:.3f}",
        "memory": max(case.memory_bytes for case in cases) // KILOBYTE,
    }


def _status(submission: Submission) -> int:
    if submission.state is not State.DONE:
        return IN_QUEUE if submission.state is State.QUEUED else PROCESSING
    verdict = submission.verdict
    if verdict in _BY_VERDICT:
        return _BY_VERDICT[verdict]
    last = submission.cases[-1] if submission.cases else None
    if last is not None and last.signal:
        return _BY_SIGNAL.get(last.signal, OTHER)
    return NZEC if last is not None and last.exit_code else OTHER


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def wanted_fields(asked: str | None) -> tuple[str, ...]:
    """The names in the parameter `fields`. Raises ValueError with those that there are not."""
    if not asked:
        return DEFAULT_FIELDS
    if asked == "*":
        return FIELDS
    names = tuple(name.strip() for name in asked.split(",") if name.strip())
    if unknown := [name for name in names if name not in FIELDS]:
        raise ValueError(f"invalid fields: [{', '.join(unknown)}]")
    return names
