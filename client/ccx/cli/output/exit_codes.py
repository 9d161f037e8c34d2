"""The exit codes of `ccx` that are not the program's own, and which error or verdict leads to which.

They lie above the shell's and those of signals (128 + number, at most 192). A program may itself exit with one of
them: the verdict line and `--json` tell the difference.
"""

from __future__ import annotations

import re
import signal
from enum import IntEnum
from typing import TYPE_CHECKING

from ccx.errors import (
    BadInput,
    BodyTooLarge,
    CcxError,
    Forbidden,
    InvalidSubmission,
    NodeNotFound,
    NodeUnreachable,
    NotOfTheCluster,
    QueueFull,
    QuotaExceeded,
    SubmissionNotFound,
    TokenExists,
    TokenNotFound,
    TooManyWrongTokens,
    Unauthenticated,
    UnexpectedAnswer,
    UnknownLanguage,
)
from ccx.wire import Verdict

if TYPE_CHECKING:
    from ccx.wire import StepUsage, Submission

_SIGNAL_BASE = 128
_FIRST_REAL_TIME_SIGNAL = 34
_FAILURE_WITHOUT_CODE = 1


class ExitCode(IntEnum):
    """What `ccx` exits with where it is not the program's own code."""

    OK = 0
    INTERRUPTED = 130
    READER_GONE = 141  # as a program that SIGPIPE ended
    COMPILE_ERROR = 201
    WRONG_ANSWER = 202
    CPU_TIME_LIMIT = 203
    WALL_TIME_LIMIT = 204
    MEMORY_LIMIT = 205
    OUTPUT_LIMIT = 206
    PROCESS_LIMIT = 207
    CANCELLED = 208
    INTERNAL_ERROR = 210
    NODE_UNREACHABLE = 211
    BAD_INPUT = 212
    QUEUE_FULL = 213
    ACCESS_DENIED = 214


def of_error(error: CcxError) -> ExitCode:
    """The exit code an error leads to."""
    match error:
        case (
            BadInput()
            | InvalidSubmission()
            | UnknownLanguage()
            | BodyTooLarge()
            | SubmissionNotFound()
            | NodeNotFound()
            | TokenNotFound()
            | TokenExists()
        ):
            return ExitCode.BAD_INPUT
        case NodeUnreachable() | UnexpectedAnswer():
            return ExitCode.NODE_UNREACHABLE
        case QueueFull() | QuotaExceeded():
            return ExitCode.QUEUE_FULL
        case Unauthenticated() | Forbidden() | NotOfTheCluster() | TooManyWrongTokens():
            return ExitCode.ACCESS_DENIED
        case _:
            return ExitCode.INTERNAL_ERROR


def of_submission(submission: Submission) -> int:
    """The program's own exit code, 128 + n where signal n ended it, otherwise the verdict's code."""
    if submission.verdict is not None and submission.verdict not in set(Verdict):  # of a later release
        return _FAILURE_WITHOUT_CODE
    match submission.verdict:
        case Verdict.OK:
            return ExitCode.OK
        case Verdict.RUNTIME_ERROR:
            failed = [case for case in submission.cases if case.verdict is Verdict.RUNTIME_ERROR]
            return _of_failure(failed[0]) if failed else _FAILURE_WITHOUT_CODE
        case None:
            return ExitCode.INTERNAL_ERROR
        case verdict:
            return ExitCode[verdict.name]


def _of_failure(step: StepUsage) -> int:
    """Never 0: a program that failed must not look like one that did not."""
    if step.signal is not None:
        number = _signal_number(step.signal)
        return _FAILURE_WITHOUT_CODE if number is None else _SIGNAL_BASE + number
    return step.exit_code or _FAILURE_WITHOUT_CODE


def _signal_number(name: str) -> int | None:
    """The number of `SIGSEGV`, or of `SIGRTMIN+3`: Linux counts those from 34 for programs, whatever the C library."""
    if name in signal.Signals.__members__:
        return signal.Signals[name].value
    distance = re.fullmatch(r"SIGRTMIN\+(-?[0-9]{1,2})", name)
    return None if distance is None else _FIRST_REAL_TIME_SIGNAL + int(distance[1])
