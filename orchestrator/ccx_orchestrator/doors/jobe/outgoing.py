"""From our result to what Jobe answers. Pure."""

from __future__ import annotations

import re
from typing import Any

from ccx.wire import Submission, Verdict

COMPILE_ERROR, RUNTIME_ERROR, TIME_LIMIT, OK, MEMORY_LIMIT, INTERNAL_ERROR, OVERLOAD = 11, 12, 13, 15, 17, 20, 21
# A program that floods is ended there when its CPU time is used up: what it writes is thrown away meanwhile.
_OUTCOMES = {
    Verdict.CPU_TIME_LIMIT: TIME_LIMIT,
    Verdict.WALL_TIME_LIMIT: TIME_LIMIT,
    Verdict.OUTPUT_LIMIT: TIME_LIMIT,
    Verdict.MEMORY_LIMIT: MEMORY_LIMIT,
    Verdict.COMPILE_ERROR: COMPILE_ERROR,
    Verdict.INTERNAL_ERROR: INTERNAL_ERROR,
    Verdict.CANCELLED: INTERNAL_ERROR,
}
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e\n\r\t]")
# What an interpreter of Python says of a main file that it cannot even read: it never began.
_NEVER_BEGAN = re.compile(r'\A  File "[^"]*", line \d+\n(?:.*\n)*?(?:SyntaxError|IndentationError|TabError): .*\n?\Z')


def overload() -> dict[str, Any]:
    """There is no room."""
    return _result(None, OVERLOAD)


def result_of(submission: Submission) -> dict[str, Any]:
    """The answer to a run."""
    run_id, verdict = submission.id, submission.verdict
    if verdict is Verdict.COMPILE_ERROR and submission.compile is not None:
        said = submission.compile.stderr_data() + submission.compile.stdout_data()
        return _result(run_id, COMPILE_ERROR, cmpinfo=_text(said) or submission.message or "It does not compile.")
    if not submission.cases:
        return _result(run_id, INTERNAL_ERROR, stderr=submission.message or "")
    case = submission.cases[0]
    stderr = _text(case.stderr_data())
    if _NEVER_BEGAN.match(stderr):
        return _result(run_id, COMPILE_ERROR, cmpinfo=stderr)
    outcome = _OUTCOMES.get(verdict) if verdict else INTERNAL_ERROR
    if outcome is None:
        has_failed = bool(stderr.strip()) or case.signal is not None or verdict is Verdict.PROCESS_LIMIT
        outcome = RUNTIME_ERROR if has_failed else OK
    if outcome != OK and not stderr.strip():
        stderr = case.message or ""
    return _result(run_id, outcome, stdout=_text(case.stdout_data()), stderr=stderr)


def _result(
    run_id: str | None, outcome: int, *, cmpinfo: str = "", stdout: str = "", stderr: str = ""
) -> dict[str, Any]:
    return {"run_id": run_id, "outcome": outcome, "cmpinfo": cmpinfo, "stdout": stdout, "stderr": stderr}


def _text(data: bytes) -> str:
    """UTF-8 as it is; of anything else what is not printable ASCII is written out."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _UNPRINTABLE.sub(lambda match: b"\\x%02x" % match[0][0], data).decode()
