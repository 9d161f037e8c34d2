"""What checkers and interactors say, and how two programs hear each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ccx.wire import CaseRequest, Checker, CheckerConvention, Comparison, SourceFile, SubmissionRequest, Verdict
from ccx_orchestrator.docker_host.execution.crossing import Crossing
from ccx_orchestrator.docker_host.runner.protocol import MAX_PAYLOAD
from ccx_orchestrator.domain.checking import decided, judged
from ccx_orchestrator.domain.controls import InputEnded, Typed
from ccx_orchestrator.domain.events import EndedBy, How, StepReport
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.planning import by_name, make_plan
from ccx_orchestrator.domain.verdicts import Judgement
from tests.support.languages import language

ENDED_WELL = replace(StepReport.killed(), how=How.EXITED, code=0)
LIMITS = language().limits.default
CHECKER = Checker(language="other", files=(SourceFile(content="yes"),))


def other(name: str) -> Language:
    """Two languages, and an alias of the second."""
    return language().model_copy(update={"name": "other" if name == "alias" else name})


def request(**fields: object) -> SubmissionRequest:
    return SubmissionRequest.model_validate({"language": "demo", "files": [{"content": ""}], **fields})


@pytest.mark.parametrize(
    ("convention", "code", "verdict"),
    [
        ("kattis", 42, "ok"),
        ("kattis", 43, "wrong_answer"),
        ("kattis", 0, "internal_error"),
        ("kattis", 1, "internal_error"),
        ("testlib", 0, "ok"),
        ("testlib", 1, "wrong_answer"),
        ("testlib", 2, "wrong_answer"),
        ("testlib", 3, "internal_error"),
        ("testlib", 4, "wrong_answer"),
        ("testlib", 7, "wrong_answer"),
        ("testlib", 5, "internal_error"),
        ("testlib", 66, "wrong_answer"),
    ],
)
def test_exit_codes_are_those_of_the_convention(convention: CheckerConvention, code: int, verdict: str) -> None:
    said = judged(replace(ENDED_WELL, code=code), LIMITS, convention, "because\nof this", "checker")
    assert said.verdict == verdict
    assert said.feedback == "because\nof this"
    assert (said.message or "").endswith(": because") is (verdict != "ok")


@pytest.mark.parametrize(
    "report",
    [
        replace(ENDED_WELL, code=42, oom_kills=1),
        replace(ENDED_WELL, code=43, refused_forks=1),
        StepReport.killed(EndedBy.WALL),
        replace(ENDED_WELL, how=How.NOT_STARTED, code=2),
    ],
)
def test_a_judge_that_reached_a_limit_has_judged_nothing(report: StepReport) -> None:
    said = judged(report, LIMITS, "kattis", "", "interactor")
    assert said.verdict is Verdict.INTERNAL_ERROR
    assert (said.message or "").startswith("The interactor failed. It")
    assert (said.message or "").endswith(".")


@pytest.mark.parametrize("interactor_was_first", [True, False])
def test_who_found_something_wrong_first_is_right(interactor_was_first: bool) -> None:
    well, crashed = Judgement(Verdict.OK), Judgement(Verdict.RUNTIME_ERROR)
    right, wrong = Judgement(Verdict.OK, feedback="fine"), Judgement(Verdict.WRONG_ANSWER)

    def of(own: Judgement, said: Judgement) -> Judgement:
        return decided(own, said, interactor_was_first=interactor_was_first)

    assert of(well, right) is right
    assert of(well, wrong) is wrong
    assert of(crashed, right) is crashed
    assert of(crashed, wrong) is (wrong if interactor_was_first else crashed)


async def test_what_one_says_the_other_hears_as_it_can_take_it_and_the_end_once() -> None:
    crossing = Crossing()
    crossing.put(b"x" * MAX_PAYLOAD)
    crossing.put(b"more")
    crossing.end()
    assert await crossing.next() == Typed(b"x" * MAX_PAYLOAD)
    waiting = asyncio.create_task(crossing.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    crossing.taken(2)
    assert await waiting == Typed(b"mo")
    crossing.taken(100)
    assert [await crossing.next(), await crossing.next()] == [Typed(b"re"), InputEnded()]
    waiting = asyncio.create_task(crossing.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


def test_equal_checkers_share_a_sandbox_and_a_plan_names_all_its_languages() -> None:
    cases = [{"checker": CHECKER}, {"checker": CHECKER.model_copy()}, {"expected_stdout": "x"}]
    plan = make_plan(request(cases=cases), other)
    assert plan.languages == ("demo", "other")
    assert [case.judging and case.judging.judge for case in plan.cases] == [0, 0, None]
    assert [case.expected for case in plan.cases] == [None, None, "x"]
    limits = language().limits.default
    assert plan.deadline_seconds == limits.wall_seconds * 5  # three cases, two of them checked


def test_a_case_that_needs_a_quiet_sandbox_is_not_begun_early() -> None:
    cases = [
        {},
        {"files": [{"name": "x", "content": ""}]},
        {"output_file": "x", "expected_stdout": ""},
        {"interactor": CHECKER},
        {"checker": CHECKER},
    ]
    plan = make_plan(request(cases=cases), other)
    assert [case.can_begin_early for case in plan.cases] == [True, False, True, False, True]
    assert [case.can_be_followed for case in plan.cases] == [True, True, False, False, True]
    assert [case.is_judged_by_stdout for case in plan.cases] == [False, False, False, False, True]


def test_an_interactor_is_there_as_long_as_the_program_and_longer() -> None:
    plan = make_plan(request(interactor=CHECKER, stdin="secret"), other)
    (case,) = plan.cases
    assert case.judging is not None
    assert case.judging.step.limits.wall_seconds == 2 * case.step.limits.wall_seconds
    assert (case.step.stdin, case.judging.input) == (b"", b"secret")
    assert (case.step.is_interactive, case.step.prestarted) == (True, False)


def test_aliases_become_names_everywhere() -> None:
    alias = CHECKER.model_copy(update={"language": "alias"})
    asked = request(checker=alias, cases=(CaseRequest(interactor=alias), CaseRequest()))
    named = by_name(asked, lambda name: other(name).name)
    assert named.languages() == ("demo", "other")
    assert named.cases[0].interactor == CHECKER
    assert by_name(named, lambda name: name) is named
    assert named.model_copy(update={"cases": asked.cases, "checker": alias}) == asked


def test_what_decides_is_one_thing() -> None:
    with pytest.raises(ValueError, match=r"cases\.0\.compare: cannot be used, for the checker decides"):
        request(checker=CHECKER, cases=(CaseRequest(compare=Comparison(mode="exact")),))
    with pytest.raises(ValueError, match="together with a checker"):
        CaseRequest(checker=CHECKER, interactor=CHECKER)
