from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ccx.wire import CaseRequest, SourceFile, State, SubmissionRequest, Verdict
from ccx_orchestrator.domain.events import (
    ArtifactSent,
    Finished,
    How,
    Output,
    Started,
    StepJudged,
    Stream,
)
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.domain.transcript import MAX_KEPT_BYTES, Transcript
from tests.support.languages import language
from tests.unit.test_verdicts import OK

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def transcript(cases: int = 1) -> Transcript:
    request = SubmissionRequest(
        language="demo",
        files=(SourceFile(name="a.dm", content=""),),
        cases=tuple(CaseRequest() for _ in range(cases)),
    )
    return Transcript("id", make_plan(request, lambda _: language(is_compiled=True)), NOW)


def judged(case: int | None, verdict: Verdict = Verdict.OK, **counters: int) -> StepJudged:
    return StepJudged(case, replace(OK, **counters), verdict, None, None)  # type: ignore[arg-type]


def test_output_is_put_together_across_pieces_that_split_a_character() -> None:
    told = transcript()
    whole = "é".encode()
    for piece in (whole[:1], whole[1:]):
        told.add(Output(0, Stream.STDOUT, piece), NOW)
    told.add(judged(0, stdout_bytes=2), NOW)
    case = told.submission().cases[0]
    assert (case.stdout, case.stdout_encoding, case.stdout_truncated) == ("é", "utf-8", False)


def test_output_that_is_not_text_is_base64() -> None:
    told = transcript()
    told.add(Output(0, Stream.STDERR, b"\xff\0"), NOW)
    case = told.submission().cases[0]
    assert case.stderr_encoding == "base64"
    assert case.stderr_data() == b"\xff\0"


def test_what_was_written_but_not_kept_is_flagged_with_the_true_count() -> None:
    told = transcript()
    told.add(Output(0, Stream.STDOUT, b"abc"), NOW)
    told.add(judged(0, Verdict.OUTPUT_LIMIT, stdout_bytes=10), NOW)
    case = told.submission().cases[0]
    assert (case.stdout, case.stdout_bytes, case.stdout_truncated) == ("abc", 10, True)


def test_a_case_that_was_cut_short_keeps_its_output_and_has_the_final_verdict() -> None:
    told = transcript()
    told.add(Started("here", "demo 1"), NOW)
    told.add(Output(0, Stream.STDOUT, b"partial"), NOW)
    told.add(Finished(Verdict.CANCELLED, "It was cancelled."), NOW)
    submission = told.submission()
    assert (submission.state, submission.verdict, submission.node) == (State.DONE, Verdict.CANCELLED, "here")
    assert (submission.cases[0].stdout, submission.cases[0].verdict) == ("partial", Verdict.CANCELLED)


def test_the_compilers_output_is_apart_from_the_programs() -> None:
    told = transcript()
    told.add(Output(None, Stream.STDERR, b"warning"), NOW)
    told.add(judged(None), NOW)
    told.add(Output(0, Stream.STDERR, b"error"), NOW)
    submission = told.submission()
    assert submission.compile is not None
    assert (submission.compile.stderr, submission.cases[0].stderr) == ("warning", "error")


def test_all_cases_together_are_kept_within_a_bound() -> None:
    told = transcript(cases=5)
    piece = b"x" * (MAX_KEPT_BYTES // 4)
    for case in range(5):
        told.add(Output(case, Stream.STDOUT, piece), NOW)
        told.add(judged(case, stdout_bytes=len(piece)), NOW)
    cases = told.submission().cases
    assert [case.stdout_truncated for case in cases] == [False] * 4 + [True]
    assert sum(len(case.stdout) for case in cases) == MAX_KEPT_BYTES


def test_an_exit_code_and_a_signal_are_never_both_told() -> None:
    told = transcript()
    told.add(StepJudged(0, replace(OK, how=How.SIGNALLED, code=11), Verdict.RUNTIME_ERROR, None, "…"), NOW)
    case = told.submission().cases[0]
    assert (case.exit_code, case.signal) == (None, "SIGSEGV")


def test_artifacts_are_told_with_why_one_is_missing() -> None:
    told = transcript()
    told.add(ArtifactSent("plot.png", b"\x89PNG", None), NOW)
    told.add(ArtifactSent("gone", b"", "there is no such file"), NOW)
    there, gone = told.submission().artifacts
    assert there.data() == b"\x89PNG"
    assert gone.error == "there is no such file"


def test_a_case_that_runs_has_no_verdict_yet_and_counts_what_it_has_written() -> None:
    told = transcript()
    told.add(Started("here", "demo 1.0"), NOW)
    told.add(Output(0, Stream.STDOUT, b"so far\n"), NOW)
    told.add(Output(0, Stream.STDERR, b"oh"), NOW)
    case = told.submission().cases[0]
    assert (case.verdict, case.stdout_bytes, case.stderr_bytes) == (None, 7, 2)
    assert (case.stdout_truncated, case.stderr_truncated) == (False, False)


def test_a_case_that_is_cancelled_counts_what_it_has_written() -> None:
    told = transcript()
    told.add(Output(0, Stream.STDOUT, b"so far\n"), NOW)
    told.add(Finished(Verdict.CANCELLED, "It was cancelled."), NOW)
    case = told.submission().cases[0]
    assert (case.verdict, case.stdout, case.stdout_bytes) == (Verdict.CANCELLED, "so far\n", 7)


def test_a_clock_that_was_set_back_dates_no_event_before_another() -> None:
    told = transcript()
    told.add(Started("n", "1"), NOW - timedelta(hours=1))
    told.add(Finished(Verdict.OK, None), NOW - timedelta(hours=1))
    ended = told.submission()
    assert ended.created_at == ended.started_at == ended.finished_at == NOW
