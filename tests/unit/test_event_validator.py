"""What another node may tell of a submission, and what cannot be."""

from __future__ import annotations

import pytest

from ccx.wire import CaseRequest, SourceFile, SubmissionRequest, Verdict
from ccx_orchestrator.domain.events import ArtifactSent, Event, Finished, Output, Started, Stream
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.slave_link.event_validator import SLACK_BYTES, EventValidator, ImplausibleEvent
from tests.support.languages import language
from tests.unit.test_transcript import judged

STARTED = Started("far", "demo 1.0")
DONE = Finished(Verdict.OK, None)
FILE = ArtifactSent("a.png", b"", None)


def said(case: int | None, size: int = 1) -> Output:
    return Output(case, Stream.STDOUT, b"x" * size)


def sense(*, is_compiled: bool = True) -> EventValidator:
    """Of a submission with two cases that asks for one file back."""
    request = SubmissionRequest(
        language="demo",
        files=(SourceFile(name="a.dm", content=""),),
        cases=(CaseRequest(), CaseRequest()),
        artifacts=("a.png",),
    )
    return EventValidator(make_plan(request, lambda _: language(is_compiled=is_compiled)))


def test_what_a_node_tells_of_a_submission_is_believed() -> None:
    told: list[Event] = [STARTED, said(None), judged(None), said(0), judged(0), said(1), said(1), judged(1), FILE, DONE]
    believing = sense()
    assert [believing.check(event) for event in told] == told


@pytest.mark.parametrize(
    "told",
    [
        [DONE],
        [said(0)],
        [judged(None)],
        [FILE],
        [STARTED, STARTED],
        [STARTED, said(2)],
        [STARTED, said(-1)],
        [STARTED, judged(2)],
        [STARTED, judged(0), judged(0)],
        [STARTED, judged(0), said(0)],
        [STARTED, FILE, FILE],
        [STARTED, "something else"],
    ],
)
def test_what_cannot_be_is_not(told: list[object]) -> None:
    *before, last = told
    doubting = sense()
    for event in before:
        doubting.check(event)
    with pytest.raises(ImplausibleEvent):
        doubting.check(last)


def test_a_language_without_a_compiler_has_no_output_of_one() -> None:
    doubting = sense(is_compiled=False)
    doubting.check(STARTED)
    with pytest.raises(ImplausibleEvent):
        doubting.check(said(None))


def test_more_output_than_a_program_may_write_is_not_believed() -> None:
    doubting = sense(is_compiled=False)
    doubting.check(STARTED)
    most = sum(2 * (case.step.limits.output_bytes + SLACK_BYTES) for case in doubting.plan.cases)
    doubting.check(said(0, most))
    with pytest.raises(ImplausibleEvent):
        doubting.check(said(1))
