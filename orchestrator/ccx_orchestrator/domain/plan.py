"""From a request and a language to what a sandbox is told to do. All refusals that need the language happen here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import PurePosixPath

from ccx.errors import InvalidSubmission
from ccx.wire import Comparison, FieldError, SubmissionRequest
from ccx_orchestrator.domain.language import Language, Stage
from ccx_orchestrator.domain.limits import Limits, choose_limits
from ccx_orchestrator.domain.sources import encoding_trouble, without_mark

MOST_STACK_BYTES = 64 * 1024 * 1024  # as judges of contests give it
TERMINAL_TYPE = "TERM=xterm-256color"


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
class Case:
    """One case: its name, its step, the output it is compared with (None: not compared), and how."""

    name: str
    step: Step
    expected_stdout: str | None
    compare: Comparison = TRIM


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
    source_trouble: str = ""  # what may be the reason where it does not compile, or not even begin

    @property
    def deadline_seconds(self) -> float:
        """The longest all steps together may take by their own limits."""
        compiling = self.compile.limits.wall_seconds if self.compile else 0.0
        return compiling + sum(case.step.limits.wall_seconds for case in self.cases)


def make_interactive(plan: Plan, request: SubmissionRequest, *, has_terminal: bool) -> Plan:
    """The same for a program that a user types to: its one case waits for input, and may take as long as the language
    allows at most, unless a wall time was asked for. Raises InvalidSubmission.
    """
    if request.cases:
        _refuse("cases", "cannot be used: a program that is typed to has one")
    if request.stdin:
        _refuse("stdin", "cannot be used: a program that is typed to gets its input while it runs")
    highest = plan.language.limits.highest
    wall_seconds = request.limits.wall_seconds or highest.wall_seconds
    limits = replace(plan.limits, wall_seconds=wall_seconds)
    (case,) = plan.cases
    # What was started ahead has pipes for its streams, and an environment without a terminal.
    step = replace(case.step, limits=limits, is_interactive=True, has_terminal=has_terminal, prestarted=False)
    compiling = replace(plan.compile, gives_back=False) if plan.compile else None
    environment = (*plan.environment, *((TERMINAL_TYPE,) if has_terminal else ()))
    return replace(plan, compile=compiling, cases=(replace(case, step=step),), limits=limits, environment=environment)


def make_plan(request: SubmissionRequest, language: Language) -> Plan:
    """The plan of a submission. Raises InvalidSubmission."""
    limits = choose_limits(request.limits, language.limits.default, language.limits.lowest, language.limits.highest)
    files = tuple(_planned(file.name or language.source_name, file.data(), language) for file in request.files)
    entrypoint = request.entrypoint or files[0].name
    if entrypoint not in {file.name for file in files}:
        _refuse("entrypoint", f"is not the name of a file; the only one is {files[0].name!r}")
    words = _Words(request, language, files, entrypoint, limits)
    return Plan(
        request=request,
        language=language,
        files=files,
        environment=environment_of(language),
        compile=words.compile_step(),
        cases=words.cases(),
        stop_on_failure=request.stop_on_failure,
        artifacts=request.artifacts,
        limits=limits,
        source_trouble=_source_trouble(files, language),
    )


def _planned(name: str, data: bytes, language: Language) -> PlannedFile:
    return PlannedFile(name, without_mark(data) if language.is_source(name) else data)


def _source_trouble(files: tuple[PlannedFile, ...], language: Language) -> str:
    troubles = (encoding_trouble(file.name, file.data) for file in files if language.is_source(file.name))
    return next(filter(None, troubles), "")


def environment_of(language: Language) -> tuple[str, ...]:
    """What a program of this language finds in its environment, as `NAME=value`."""
    return tuple(f"{name}={value}" for name, value in language.environment.items())


def prestart_command(language: Language, limits: Limits) -> tuple[str, ...]:
    """What is started ahead of a submission that has these limits; nothing if the language knows no such thing."""
    if language.prestart is None:
        return ()
    return tuple(_filled(word, _shares_of_memory(language, limits)) for word in language.prestart.command)


def _shares_of_memory(language: Language, limits: Limits) -> dict[str, str]:
    run, memory = language.run, limits.memory_bytes
    return {
        "{heap_bytes}": str(int(memory * run.heap_share)),
        "{stack_bytes}": str(min(int(memory * run.stack_share), MOST_STACK_BYTES)),
    }


def _filled(word: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        word = word.replace(placeholder, value)
    return word


def _prestarted_stages(language: Language, limits: Limits, *, has_run_options: bool) -> tuple[Stage, ...]:
    """The stages of a submission that the program started ahead of it can serve."""
    if language.prestart is None or (has_run_options and not language.prestart.takes_run_options):
        return ()
    fits = prestart_command(language, limits) == prestart_command(language, language.limits.default)
    return language.prestart.serves if fits else ()


def _refuse(field: str, message: str) -> None:
    raise InvalidSubmission(f"{field}: {message}.", (FieldError(field=field, message=message),))


class _Words:
    """Fills the placeholders of a language's commands for one submission."""

    def __init__(
        self,
        request: SubmissionRequest,
        language: Language,
        files: tuple[PlannedFile, ...],
        entrypoint: str,
        limits: Limits,
    ) -> None:
        self._request = request
        self._language = language
        self._limits = limits
        # A file called "-o.c" or "@x.c" is still a file, never an option.
        self._sources = tuple(_as_path(file.name) for file in files if language.is_source(file.name))
        self._scalars = {
            "{entrypoint}": _as_path(entrypoint),
            "{entrypoint_stem}": str(PurePosixPath(entrypoint).with_suffix("")),
        } | _shares_of_memory(language, limits)
        self._run_options = self._chosen_run_options()
        self._prestarted = _prestarted_stages(language, limits, has_run_options=bool(self._run_options))

    def _chosen_run_options(self) -> tuple[str, ...]:
        """What the compiler's options imply, and what was asked for. Raises InvalidSubmission."""
        run = self._language.run
        for option in self._request.run_options:
            if not any(fnmatchcase(option, pattern) for pattern in run.options):
                known = ", ".join(run.options)
                _refuse(
                    "run_options",
                    f"has {option!r}, which is none of those of {self._language.title}: {known}"
                    if known
                    else f"cannot be used: {self._language.title} programs are started by themselves",
                )
        implied = (run.implied.get(option, ()) for option in self._request.compile_args)
        return tuple(chain(*implied, self._request.run_options))

    def compile_step(self) -> Step | None:
        compiling = self._language.compile
        if compiling is None:
            if self._request.compile_args:
                _refuse("compile_args", f"cannot be used: {self._language.title} programs are not compiled")
            return None
        if not self._sources:
            suffixes = " or ".join(self._language.suffixes)
            _refuse("files", f"must have at least one whose name ends in {suffixes}")
        return Step(
            self._fill(compiling.command, ()),
            compiling.limits,
            prestarted=Stage.COMPILE in self._prestarted,
            gives_back=Stage.RUN in self._prestarted,
        )

    def cases(self) -> tuple[Case, ...]:
        request = self._request
        if not request.cases:
            return (Case("1", self._run(request.args, request.stdin_data(), is_first=True), None),)
        return tuple(
            Case(
                case.name or str(number),
                self._run(case.args, case.stdin_data(), is_first=number == 1),
                case.expected_stdout,
                case.compare,
            )
            for number, case in enumerate(request.cases, 1)
        )

    def _run(self, args: tuple[str, ...], stdin: bytes, *, is_first: bool) -> Step:
        run = self._language.run
        prestarted = is_first and Stage.RUN in self._prestarted
        return Step(self._fill(run.command, args), self._limits, stdin, run.memory_marker, prestarted=prestarted)

    def _fill(self, command: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...]:
        lists = {"{sources}": self._sources, "{args}": args, "{compile_args}": self._request.compile_args}
        lists["{run_options}"] = self._run_options
        filled: list[str] = []
        for word in command:
            filled.extend(lists[word] if word in lists else (self._fill_word(word),))
        return tuple(filled)

    def _fill_word(self, word: str) -> str:
        return _filled(word, self._scalars)


def _as_path(name: str) -> str:
    return f"./{name}" if name.startswith(("-", "@")) else name
