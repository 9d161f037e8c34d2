from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ccx.events import EVENT, parse_event
from ccx.wire import Verdict
from ccx_orchestrator.domain.events import (
    ArtifactSent,
    EndedBy,
    Finished,
    How,
    Output,
    Queued,
    Started,
    StepJudged,
    StepReport,
    Stream,
    Told,
)
from ccx_orchestrator.domain.wire_events import from_wire, kind_of, to_wire
from tests.unit.test_verdicts import OK

counts = st.integers(0, 2**63)
seconds = st.floats(0, 1e9, allow_nan=False)
texts = st.none() | st.text()
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
    oom_kills=counts,
    refused_forks=counts,
    marker_found=st.booleans(),
    left_behind=counts,
)
cases = st.none() | st.integers(0, 999)
events: st.SearchStrategy[Told] = st.one_of(
    st.builds(Queued, st.text(), st.none() | st.integers(1, 1000)),
    st.builds(Started, st.text(), st.text()),
    st.builds(Output, cases, st.sampled_from(Stream), st.binary()),
    st.builds(StepJudged, cases, reports, st.sampled_from(Verdict), texts, texts),
    st.builds(ArtifactSent, st.text(), st.binary(), texts),
    st.builds(Finished, st.sampled_from(Verdict), texts),
)


@given(events)
def test_an_event_comes_back_from_the_wire_as_it_went(told: Told) -> None:
    line = to_wire(told, event_id="1-2", attempt=1).model_dump_json()
    event = parse_event(line)
    assert event is not None
    assert from_wire(event) == told
    assert (event.id, event.type) == ("1-2", kind_of(told))
    assert "\n" not in line


def test_an_event_of_a_later_version_is_none_of_ours() -> None:
    assert parse_event('{"type":"paused","id":"1-3"}') is None


def test_a_signal_and_an_exit_code_are_told_by_name_and_number() -> None:
    report = replace(OK, how=How.SIGNALLED, code=11)
    document = EVENT.dump_python(to_wire(StepJudged(0, report, Verdict.RUNTIME_ERROR, None, None)))
    assert (document["signal"], document["exit_code"], document["code"]) == ("SIGSEGV", None, 11)
