"""The verdict line and the exit code of a submission."""

from __future__ import annotations

from typing import Any

import pytest

from ccx.cli.output.exit_codes import ExitCode, of_error, of_submission
from ccx.cli.output.verdict_line import verdict_line
from ccx.errors import PROBLEMS, CcxError, NodeUnreachable, UnexpectedAnswer
from ccx.wire import Submission, Verdict

USAGE = {"cpu_seconds": 0.03, "wall_seconds": 0.052, "memory_bytes": 1_200_128}


def submission(verdict: str | None, *, message: str | None = None, compiling: Any = None, **case: Any) -> Submission:
    cases = [{"name": "1", "verdict": verdict} | USAGE | case] if verdict and compiling is None else []
    return Submission.model_validate(
        {
            "id": "0192",
            "state": "done",
            "verdict": verdict,
            "message": message,
            "language": "c",
            "compile": compiling,
            "cases": cases,
            "created_at": "2024-01-01T00:00:00Z",
        }
    )


def test_a_program_that_ended_well_has_a_short_line_and_exit_code_0() -> None:
    assert verdict_line(submission("ok")) == "ccx: ok · 0.03 s CPU · 0.05 s · 1.1 MiB"
    assert of_submission(submission("ok")) == 0


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("compile_error", 201),
        ("wrong_answer", 202),
        ("cpu_time_limit", 203),
        ("wall_time_limit", 204),
        ("memory_limit", 205),
        ("output_limit", 206),
        ("process_limit", 207),
        ("cancelled", 208),
        ("internal_error", 210),
        (None, 210),
    ],
)
def test_a_verdict_that_is_not_the_programs_own_has_its_own_exit_code(verdict: str | None, code: int) -> None:
    assert of_submission(submission(verdict)) == code


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.RUNTIME_ERROR])
def test_no_verdict_shares_its_exit_code_with_a_signal(verdict: Verdict) -> None:
    assert of_submission(submission(verdict)) in {0} | set(range(201, 214))


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ({"exit_code": 3}, 3),
        ({"exit_code": 255}, 255),
        ({"signal": "SIGSEGV"}, 139),
        ({"signal": "SIGKILL", "exit_code": None}, 137),
        ({"signal": "SIGRTMIN+3"}, 165),
        ({"signal": "SIGRTMIN+-1"}, 161),
        ({"signal": "SIGNOTHING"}, 1),
        ({"exit_code": 0}, 1),
        ({}, 1),
    ],
)
def test_a_program_that_failed_passes_its_exit_code_or_signal_on_and_never_looks_well(
    end: dict[str, Any], code: int
) -> None:
    assert of_submission(submission("runtime_error", **end)) == code


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({"message": "It exited with status 3.", "exit_code": 3}, "It exited with status 3"),
        ({"exit_code": 3}, "exit code 3"),
        ({"signal": "SIGSEGV"}, "killed by SIGSEGV"),
        ({"limit": "file_bytes", "signal": "SIGXFSZ"}, "the limit file_bytes was reached"),
    ],
)
def test_the_line_names_the_cause_where_it_is_not_ok(told: dict[str, Any], cause: str) -> None:
    line = verdict_line(submission("runtime_error", **told))
    assert line == f"ccx: runtime_error: {cause} · 0.03 s CPU · 0.05 s · 1.1 MiB"


def test_a_failure_without_a_known_cause_is_told_by_its_verdict() -> None:
    assert verdict_line(submission("runtime_error")).startswith("ccx: runtime_error · ")


def test_a_compile_error_tells_of_the_compile_step() -> None:
    compiling = USAGE | {"exit_code": 1, "message": "It exited with status 1."}
    line = verdict_line(submission("compile_error", compiling=compiling))
    assert line == "ccx: compile_error: It exited with status 1 · 0.03 s CPU · 0.05 s · 1.1 MiB"


def test_an_error_of_the_node_gives_the_id_to_ask_with() -> None:
    line = verdict_line(submission("internal_error", message="The sandbox was lost.", compiling={}))
    assert line.startswith("ccx: internal_error: The sandbox was lost · ")
    assert line.endswith(" · submission 0192")


def test_a_submission_that_never_ran_has_no_usage() -> None:
    assert verdict_line(submission(None)) == "ccx: no verdict"


def test_an_output_of_which_not_all_was_kept_is_told() -> None:
    line = verdict_line(submission("output_limit", stdout="x" * 1000, stdout_bytes=2_500_000, stdout_truncated=True))
    assert line.endswith(" · stdout cut at 1000 B of 2.4 MiB")
    line = verdict_line(submission("output_limit", stderr="x" * 10, stderr_bytes=20, stderr_truncated=True))
    assert line.endswith(" · stderr cut at 10 B of 20 B")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1024, "1 KiB"),
        (1_048_524, "1023.9 KiB"),
        (1_048_530, "1 MiB"),
        (5e9, "4.7 GiB"),
        (1e16, "9094.9 TiB"),
    ],
)
def test_memory_is_told_in_the_unit_that_fits(count: float, text: str) -> None:
    assert verdict_line(submission("ok", memory_bytes=int(count))).endswith(f" · {text}")


def test_very_short_times_keep_a_third_digit() -> None:
    assert " 0.001 s CPU · 0.009 s · " in verdict_line(submission("ok", cpu_seconds=0.0012, wall_seconds=0.009))


@pytest.mark.parametrize("kind", PROBLEMS)
def test_every_problem_has_an_exit_code_of_ccx(kind: type[CcxError]) -> None:
    expected = {
        "InvalidSubmission": ExitCode.BAD_INPUT,
        "UnknownLanguage": ExitCode.BAD_INPUT,
        "BodyTooLarge": ExitCode.BAD_INPUT,
        "SubmissionNotFound": ExitCode.BAD_INPUT,
        "NodeNotFound": ExitCode.BAD_INPUT,
        "TokenNotFound": ExitCode.BAD_INPUT,
        "TokenExists": ExitCode.BAD_INPUT,
        "QueueFull": ExitCode.QUEUE_FULL,
        "QuotaExceeded": ExitCode.QUEUE_FULL,
        "Unauthenticated": ExitCode.ACCESS_DENIED,
        "Forbidden": ExitCode.ACCESS_DENIED,
        "NotOfTheCluster": ExitCode.ACCESS_DENIED,
        "TooManyWrongTokens": ExitCode.ACCESS_DENIED,
    }
    assert of_error(kind("…")) == expected.get(kind.__name__, ExitCode.INTERNAL_ERROR)


@pytest.mark.parametrize("kind", [NodeUnreachable, UnexpectedAnswer])
def test_no_node_has_an_exit_code_of_its_own(kind: type[CcxError]) -> None:
    assert of_error(kind("…")) == 211
