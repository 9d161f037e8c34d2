"""What holds for every input there could be, tried with many: limits, verdicts, who runs next, frames of a runner."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx.errors import InvalidSubmission
from ccx.wire import LIMIT_NAMES, LimitOverrides, Verdict
from ccx_orchestrator.docker_host.runner.protocol import BrokenFrame, FrameReader
from ccx_orchestrator.domain.events import EndedBy, How, StepReport
from ccx_orchestrator.domain.limits import choose_limits, number_of
from ccx_orchestrator.domain.verdicts import judge, judge_compile
from tests.support.languages import HIGHEST, LIMITS

counts = st.integers(0, 2**40)
seconds = st.floats(0, 1e6, allow_nan=False)
reports = st.builds(
    StepReport,
    how=st.sampled_from(How),
    code=st.integers(0, 255),
    ended_by=st.sampled_from(EndedBy),
    cpu_seconds=seconds,
    wall_seconds=seconds,
    memory_bytes=counts,
    stdout_bytes=counts,
    stderr_bytes=counts,
    oom_kills=st.integers(0, 3),
    refused_forks=st.integers(0, 3),
    marker_found=st.booleans(),
    left_behind=st.integers(0, 100),
)
overrides = st.builds(
    LimitOverrides,
    cpu_seconds=st.none() | st.floats(0.001, 1e4),
    wall_seconds=st.none() | st.floats(0.001, 1e4),
    **{name: st.none() | st.integers(1, 2**50) for name in LIMIT_NAMES if not name.endswith("_seconds")},
)


# ---- verdicts ----


@given(reports)
def test_a_verdict_is_ok_only_where_the_program_ended_well_by_itself(report: StepReport) -> None:
    ended_well = report.ended_by is EndedBy.NOTHING and report.how is How.EXITED and report.code == 0
    assert (judge(report, LIMITS).verdict is Verdict.OK) == ended_well


@given(reports)
def test_a_verdict_names_its_limit_if_it_has_one_and_says_why(report: StepReport) -> None:
    judgement = judge(report, LIMITS)
    named = {
        Verdict.MEMORY_LIMIT: {"memory_bytes"},
        Verdict.PROCESS_LIMIT: {"processes"},
        Verdict.CPU_TIME_LIMIT: {"cpu_seconds"},
        Verdict.WALL_TIME_LIMIT: {"wall_seconds"},
        Verdict.OUTPUT_LIMIT: {"output_bytes", "file_bytes"},
    }
    assert judgement.limit in named.get(judgement.verdict, {None})
    assert (judgement.message is None) == (judgement.verdict is Verdict.OK)
    assert judgement.verdict is not Verdict.INTERNAL_ERROR


@given(reports)
def test_memory_and_processes_are_blamed_only_where_the_kernel_says_so(report: StepReport) -> None:
    verdict = judge(report, LIMITS).verdict
    assert verdict is not Verdict.MEMORY_LIMIT or report.oom_kills or report.marker_found
    assert verdict is not Verdict.PROCESS_LIMIT or report.refused_forks
    assert verdict is not Verdict.CPU_TIME_LIMIT or report.ended_by is EndedBy.CPU
    assert verdict is not Verdict.WALL_TIME_LIMIT or report.ended_by is EndedBy.WALL


@given(reports)
def test_a_compiler_fails_with_nothing_but_compile_error(report: StepReport) -> None:
    assert judge_compile(report, LIMITS).verdict in {Verdict.OK, Verdict.COMPILE_ERROR, Verdict.CANCELLED}


# ---- limits ----


@given(overrides)
def test_chosen_limits_are_what_was_asked_and_never_above_the_highest(asked: LimitOverrides) -> None:
    try:
        chosen = choose_limits(asked, LIMITS, {}, HIGHEST)
    except InvalidSubmission:
        return
    for name in LIMIT_NAMES:
        assert number_of(chosen, name) <= number_of(HIGHEST, name)
        assert getattr(chosen, name) == (
            getattr(LIMITS, name) if getattr(asked, name) is None else getattr(asked, name)
        )


@given(overrides)
def test_limits_are_refused_exactly_where_one_is_too_high(asked: LimitOverrides) -> None:
    too_high = {
        f"limits.{name}"
        for name in LIMIT_NAMES
        if getattr(asked, name) is not None and getattr(asked, name) > number_of(HIGHEST, name)
    }
    try:
        choose_limits(asked, LIMITS, {}, HIGHEST)
        refused = set()
    except InvalidSubmission as refusal:
        refused = {error.field for error in refusal.errors}
    assert refused == too_high


# ---- frames ----


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_whatever_a_runner_sends_is_frames_or_broken(pieces: list[bytes]) -> None:
    reader = FrameReader()
    try:
        for piece in pieces:
            list(reader.feed(piece))
    except BrokenFrame:
        pass


@given(st.sampled_from("rboewzad!"), st.binary(max_size=100), st.data())
def test_a_frame_is_the_same_however_it_is_cut(kind: str, payload: bytes, data: st.DataObject) -> None:
    whole = struct.pack(">Ic", len(payload), kind.encode()) + payload
    cut = data.draw(st.integers(0, len(whole)))
    assert _read(whole) == _read(whole[:cut], whole[cut:])


def _read(*pieces: bytes) -> object:
    reader = FrameReader()
    try:
        return [frame for piece in pieces for frame in reader.feed(piece)]
    except BrokenFrame as error:
        return str(error)


def test_a_frame_longer_than_there_are_is_broken_at_once() -> None:
    with pytest.raises(BrokenFrame):
        list(FrameReader().feed(struct.pack(">Ic", 0xFFFFFFFF, b"o")))
