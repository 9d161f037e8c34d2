"""What sandboxes are told to do for one submission. `domain.planning` makes it of a request."""

from __future__ import annotations

from dataclasses import dataclass

from ccx.wire import CheckerConvention, Comparison, SubmissionRequest
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.limits import Limits


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to put into the work directory."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One program to run: what, with what input, within what.

    `prestarted`: by the program that was started ahead, if there is one. `gives_back`: it serves the next step as well.
    """

    command: tuple[str, ...]
    limits: Limits
    stdin: bytes = b""
    marker: str = ""
    is_interactive: bool = False
    has_terminal: bool = False
    prestarted: bool = False
    gives_back: bool = False


TRIM = Comparison()


@dataclass(frozen=True, slots=True)
class Judging:
    """How a program judges a case: which of the plan's judges, its step there, and what it is given. An interactor runs
    beside the case; a checker after it.
    """

    judge: int
    step: Step
    input: bytes
    answer: bytes
    is_beside: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its name, its step, the output it is compared with (None: not compared), and how; the files it is
    given, the file that is its output (None: standard output), and the program that judges it, if one does.
    """

    name: str
    step: Step
    expected: str | None
    compare: Comparison = TRIM
    files: tuple[PlannedFile, ...] = ()
    output_file: str | None = None
    judging: Judging | None = None

    @property
    def is_judged_by_stdout(self) -> bool:
        """Whether what it writes to standard output decides, once it has ended."""
        is_judged = self.expected is not None or (self.judging is not None and not self.judging.is_beside)
        return is_judged and self.output_file is None

    @property
    def can_begin_early(self) -> bool:
        """Whether its step may be sent while that of the case before it runs."""
        return not self.files and not (self.judging and self.judging.is_beside)

    @property
    def can_be_followed(self) -> bool:
        """Whether the next step may be sent while its own runs."""
        return self.output_file is None and not (self.judging and self.judging.is_beside)


@dataclass(frozen=True, slots=True)
class Judge:
    """A checker or an interactor, as its own sandbox is told of it."""

    language: Language
    files: tuple[PlannedFile, ...]
    environment: tuple[str, ...]
    compile: Step | None
    limits: Limits
    convention: CheckerConvention
    title: str
    source_trouble: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All a sandbox needs to know of a submission, and the request it was made of, for a sandbox elsewhere."""

    request: SubmissionRequest
    language: Language
    files: tuple[PlannedFile, ...]
    environment: tuple[str, ...]
    compile: Step | None
    cases: tuple[Case, ...]
    stop_on_failure: bool
    artifacts: tuple[str, ...]
    limits: Limits
    judges: tuple[Judge, ...] = ()
    source_trouble: str = ""  # what may be the reason where it does not compile, or not even begin

    @property
    def deadline_seconds(self) -> float:
        """The longest all steps together may take by their own limits."""
        compilers = (self.compile, *(judge.compile for judge in self.judges))
        compiling = sum(step.limits.wall_seconds for step in compilers if step)
        judging = sum(case.judging.step.limits.wall_seconds for case in self.cases if case.judging)
        return compiling + judging + sum(case.step.limits.wall_seconds for case in self.cases)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that it takes to run and judge it, its own first."""
        others = {judge.language.name for judge in self.judges} - {self.language.name}
        return (self.language.name, *sorted(others))
