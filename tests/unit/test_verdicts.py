from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx.wire import Comparison, Verdict
from ccx_orchestrator.domain.events import EndedBy, How, StepReport
from ccx_orchestrator.domain.verdicts import judge, judge_compile, judge_output, signal_name
from tests.support.languages import LIMITS

OK = StepReport(
    how=How.EXITED,
    code=0,
    ended_by=EndedBy.NOTHING,
    cpu_seconds=0.1,
    wall_seconds=0.1,
    memory_bytes=1,
    stdout_bytes=0,
    stderr_bytes=0,
    oom_kills=0,
    refused_forks=0,
    marker_found=False,
    left_behind=0,
)
KILLED = replace(OK, how=How.SIGNALLED, code=9)

reports = st.builds(
    StepReport,
    how=st.sampled_from(How),
    code=st.integers(0, 255),
    ended_by=st.sampled_from(EndedBy),
    cpu_seconds=st.floats(0, 100),
    wall_seconds=st.floats(0, 100),
    memory_bytes=st.integers(0, 1 << 40),
    stdout_bytes=st.integers(0, 1 << 40),
    stderr_bytes=st.integers(0, 1 << 40),
    oom_kills=st.integers(0, 3),
    refused_forks=st.integers(0, 3),
    marker_found=st.booleans(),
    left_behind=st.integers(0, 3),
)


@pytest.mark.parametrize(
    ("report", "verdict", "limit"),
    [
        (OK, Verdict.OK, None),
        (replace(OK, code=3), Verdict.RUNTIME_ERROR, None),
        (replace(OK, code=137), Verdict.RUNTIME_ERROR, None),
        (KILLED, Verdict.RUNTIME_ERROR, None),
        (replace(KILLED, oom_kills=1), Verdict.MEMORY_LIMIT, "memory_bytes"),
        (replace(OK, code=1, marker_found=True), Verdict.MEMORY_LIMIT, "memory_bytes"),
        (replace(OK, oom_kills=1, marker_found=True, refused_forks=5), Verdict.OK, None),
        (replace(KILLED, ended_by=EndedBy.CPU), Verdict.CPU_TIME_LIMIT, "cpu_seconds"),
        (replace(KILLED, ended_by=EndedBy.WALL), Verdict.WALL_TIME_LIMIT, "wall_seconds"),
        (replace(KILLED, ended_by=EndedBy.CPU, refused_forks=9), Verdict.PROCESS_LIMIT, "processes"),
        (replace(OK, code=1, refused_forks=9), Verdict.PROCESS_LIMIT, "processes"),
        (replace(KILLED, ended_by=EndedBy.STDOUT), Verdict.OUTPUT_LIMIT, "output_bytes"),
        (replace(KILLED, ended_by=EndedBy.STDERR), Verdict.OUTPUT_LIMIT, "output_bytes"),
        (replace(KILLED, code=25), Verdict.OUTPUT_LIMIT, "file_bytes"),
        (replace(KILLED, ended_by=EndedBy.CANCEL, oom_kills=1), Verdict.CANCELLED, None),
        (replace(OK, how=How.NOT_STARTED, code=2), Verdict.RUNTIME_ERROR, None),
    ],
)
def test_each_cause_of_death_has_its_verdict(report: StepReport, verdict: Verdict, limit: str | None) -> None:
    judgement = judge(report, LIMITS)
    assert (judgement.verdict, judgement.limit) == (verdict, limit)


def test_a_file_too_large_counts_as_the_runners_time_only_where_that_ended_it() -> None:
    assert judge(replace(KILLED, code=25, ended_by=EndedBy.WALL), LIMITS).verdict is Verdict.WALL_TIME_LIMIT


@given(reports)
def test_a_verdict_other_than_ok_always_says_why(report: StepReport) -> None:
    judgement = judge(report, LIMITS)
    assert (judgement.verdict is Verdict.OK) == (judgement.message is None)
    assert judgement.verdict is not Verdict.INTERNAL_ERROR


@given(reports)
def test_a_program_that_the_runner_or_a_signal_ended_is_never_ok(report: StepReport) -> None:
    if judge(report, LIMITS).verdict is Verdict.OK:
        assert (report.how, report.code, report.ended_by) == (How.EXITED, 0, EndedBy.NOTHING)


def test_a_failed_compiler_is_a_compile_error_that_names_its_limit() -> None:
    assert judge_compile(replace(OK, code=1), LIMITS).verdict is Verdict.COMPILE_ERROR
    judgement = judge_compile(replace(KILLED, ended_by=EndedBy.CPU), LIMITS)
    assert (judgement.verdict, judgement.limit) == (Verdict.COMPILE_ERROR, "cpu_seconds")


@pytest.mark.parametrize(
    ("expected", "actual", "verdict"),
    [
        ("5\n", b"5\n", Verdict.OK),
        ("5", b"5 \n\n", Verdict.OK),
        ("a\nb", b"a  \r\nb\n", Verdict.OK),
        ("5", b" 5", Verdict.WRONG_ANSWER),
        ("5", b"", Verdict.WRONG_ANSWER),
        ("a\n\nb", b"a\nb", Verdict.WRONG_ANSWER),
        ("é", "é\n".encode(), Verdict.OK),
        ("x", b"\xff", Verdict.WRONG_ANSWER),
    ],
)
def test_output_is_compared_without_white_space_at_the_ends(expected: str, actual: bytes, verdict: Verdict) -> None:
    assert judge_output(expected, actual, Comparison()).verdict is verdict


def test_signals_are_named() -> None:
    assert signal_name(11) == "SIGSEGV"
    assert signal_name(40) == "SIGRTMIN+6"
