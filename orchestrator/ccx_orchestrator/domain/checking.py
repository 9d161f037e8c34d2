"""How checkers and interactors are called, and what they answer. Pure.

`kattis`: the output validators of the problem package format that Kattis, DOMjudge and the ICPC use: `validator input
answer feedback_directory < output`, exit code 42 for right and 43 for wrong, text for people in the directory.
`testlib`: programs written with testlib.h, as Codeforces uses them: `checker input output answer`, 0 for right, 1, 2,
4 and 8 for wrong, and from 16 on, or 7, for a part of the points; text for people goes to standard error.
"""

from __future__ import annotations

from ccx.wire import CheckerConvention, Verdict
from ccx_orchestrator.domain.events import EndedBy, How, StepReport
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.domain.verdicts import Judgement, judge

INPUT, OUTPUT, ANSWER = "ccx-case/input", "ccx-case/output", "ccx-case/answer"
FEEDBACK = "ccx-case/feedback"
FEEDBACK_FILES = (f"{FEEDBACK}/judgemessage.txt", f"{FEEDBACK}/teammessage.txt")
MAKES_FEEDBACK = f"{FEEDBACK}/.made"  # the validator finds the directory
MAX_FEEDBACK_BYTES = 8 * 1024
SHOWN_CHARACTERS = 200
SHOWN_OF_COMPILER = 2_000

_RIGHT = {"kattis": 42, "testlib": 0}
_WRONG = {"kattis": frozenset({43}), "testlib": frozenset({1, 2, 4, 7, 8})}
_FIRST_OF_POINTS = 16  # testlib: 16 and more are so many percent, and 16


def argument_files(convention: CheckerConvention) -> tuple[str, str, str]:
    """The first arguments of a checker or interactor."""
    return (INPUT, ANSWER, FEEDBACK) if convention == "kattis" else (INPUT, OUTPUT, ANSWER)


def judged(report: StepReport, limits: Limits, convention: CheckerConvention, feedback: str, title: str) -> Judgement:
    """What a checker or interactor says of a case; where it failed itself, that. `title` is what people call it."""
    own = judge(report, limits)
    has_exited = report.how is How.EXITED and report.ended_by is EndedBy.NOTHING and own.limit is None
    if has_exited and report.code == _RIGHT[convention]:
        return Judgement(Verdict.OK, feedback=feedback or None)
    if has_exited and _says_wrong(report.code, convention):
        return Judgement(
            Verdict.WRONG_ANSWER, None, _told(f"The {title} does not accept it", feedback), feedback or None
        )
    return failed(title, (own.message or f"It exited with status {report.code}.").rstrip("."), feedback)


def failed(title: str, reason: str, feedback: str) -> Judgement:
    """A checker or interactor that could not do its work: never the fault of the program it judges."""
    return Judgement(Verdict.INTERNAL_ERROR, None, _told(f"The {title} failed. {reason}", feedback), feedback or None)


def does_not_compile(title: str, reason: str, said: str) -> Judgement:
    """A checker or interactor that never can judge. Nothing else tells what its compiler said."""
    return Judgement(
        Verdict.INTERNAL_ERROR, message=f"The {title} failed. {reason}\n{said[:SHOWN_OF_COMPILER]}".strip()
    )


def decided(own: Judgement, interactor: Judgement, *, interactor_was_first: bool) -> Judgement:
    """What a case comes to whose program ran beside an interactor. Whoever found something wrong first is right: a
    program that an interactor has found wrong is ended, and how it then ends says nothing.
    """
    is_found_wrong = interactor_was_first and interactor.verdict is not Verdict.OK
    return interactor if is_found_wrong or own.verdict is Verdict.OK else own


def _says_wrong(code: int, convention: CheckerConvention) -> bool:
    return code in _WRONG[convention] or (convention == "testlib" and code >= _FIRST_OF_POINTS)


def _told(sentence: str, feedback: str) -> str:
    lines = [line.strip() for line in feedback.splitlines() if line.strip()] or [""]
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    shown = line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}…"
    return f"{sentence}: {shown}" if shown else f"{sentence}."
