"""From a request and its languages to what sandboxes are told to do. All refusals that need a language happen here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import PurePosixPath
from typing import TypeVar

from ccx.errors import ImageMissing, InvalidSubmission, UnknownLanguage
from ccx.wire import CaseRequest, Checker, Commands, FieldError, SubmissionRequest
from ccx_orchestrator.domain.checking import argument_files
from ccx_orchestrator.domain.language import Language, Stage
from ccx_orchestrator.domain.limits import Limits, choose_limits
from ccx_orchestrator.domain.plan import Case, Judge, Judging, Plan, PlannedFile, Step
from ccx_orchestrator.domain.sources import encoding_trouble, without_mark

MOST_STACK_BYTES = 64 * 1024 * 1024  # as judges of contests give it
TERMINAL_TYPE = "TERM=xterm-256color"


def make_interactive(plan: Plan, request: SubmissionRequest, *, has_terminal: bool) -> Plan:
    """The same for a program that a user types to: its one case waits for input, and may take as long as the language
    allows at most, unless a wall time was asked for. Raises InvalidSubmission.
    """
    if request.cases:
        _refuse("cases", "cannot be used: a program that is typed to has one")
    if request.judges():
        _refuse(
            "checker" if request.checker else "interactor", "cannot be used: a program that is typed to is not judged"
        )
    if request.stdin:
        _refuse("stdin", "cannot be used: a program that is typed to gets its input while it runs")
    highest = plan.language.limits.highest
    wall_seconds = request.limits.wall_seconds or highest.wall_seconds
    limits = plan.limits.changed(wall_seconds=wall_seconds)
    (case,) = plan.cases
    # What was started ahead has pipes for its streams, and an environment without a terminal.
    step = replace(case.step, limits=limits, is_interactive=True, has_terminal=has_terminal, prestarted=False)
    compiling = replace(plan.compile, gives_back=False) if plan.compile else None
    environment = (*plan.environment, *((TERMINAL_TYPE,) if has_terminal else ()))
    return replace(plan, compile=compiling, cases=(replace(case, step=step),), limits=limits, environment=environment)


Named = TypeVar("Named", SubmissionRequest, Checker)
Judged = TypeVar("Judged", SubmissionRequest, CaseRequest)


def by_name(request: SubmissionRequest, name_of: Callable[[str], str]) -> SubmissionRequest:
    """The same request with every language by its name, where it has an alias."""
    names = {language: name_of(language) for language in request.languages()}
    if all(alias == name for alias, name in names.items()):
        return request

    def named(part: Named) -> Named:
        return part.model_copy(update={"language": names[part.language]})

    def judged(part: Judged) -> Judged:
        judges = {"checker": part.checker, "interactor": part.interactor}
        return part.model_copy(update={field: judge and named(judge) for field, judge in judges.items()})

    return named(judged(request)).model_copy(update={"cases": tuple(map(judged, request.cases))})


def make_plan(request: SubmissionRequest, find: Callable[[str], Language]) -> Plan:
    """The plan of a submission. `find` gives the language of a name or alias, or raises. Raises InvalidSubmission."""
    language = find(request.language)
    program = _Program(request, language, request.run_options, request.commands)
    requested = request.judges()
    judges = {judge: _Program(judge, _language_of(judge, title, find)) for judge, title in requested.items()}
    cases = _Cases(request, program, judges)
    return Plan(
        request=request,
        language=language,
        files=program.files,
        environment=environment_of(language),
        compile=program.compile_step(),
        cases=cases.all(),
        stop_on_failure=request.stop_on_failure,
        artifacts=request.artifacts,
        limits=program.limits,
        judges=tuple(_judge(judge, judges[judge], title) for judge, title in requested.items()),
        source_trouble=program.source_trouble(),
    )


def _language_of(judge: Checker, title: str, find: Callable[[str], Language]) -> Language:
    try:
        return find(judge.language)
    except (UnknownLanguage, ImageMissing) as error:
        field = FieldError(field=f"{title}.language", message=str(error))
        raise type(error)(f"{field.field}: {error}", (field,)) from error


def _judge(requested: Checker, program: _Program, title: str) -> Judge:
    return Judge(
        language=program.language,
        files=program.files,
        environment=environment_of(program.language),
        compile=program.compile_step(),
        limits=program.limits,
        convention=requested.convention,
        title=title,
        source_trouble=program.source_trouble(),
    )


def _planned(name: str, data: bytes, language: Language) -> PlannedFile:
    return PlannedFile(name, without_mark(data) if language.is_source(name) else data)


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


class _Program:
    """A program of a request, the submission's own or a judge: its files, and its language's commands filled in."""

    def __init__(
        self,
        request: SubmissionRequest | Checker,
        language: Language,
        run_options: tuple[str, ...] = (),
        commands: Commands | None = None,
    ) -> None:
        limits = language.limits
        self.language = language
        self.limits = choose_limits(request.limits, limits.default, limits.lowest, limits.highest)
        self.files = tuple(_planned(file.name or language.source_name, file.data(), language) for file in request.files)
        self._compile_args = request.compile_args
        self._commands = commands
        if commands and (self._compile_args or run_options):
            field = "compile_args" if self._compile_args else "run_options"
            _refuse(field, "cannot be used with commands: give them there")
        entrypoint = request.entrypoint or self.files[0].name
        if entrypoint not in {file.name for file in self.files}:
            _refuse("entrypoint", f"is not the name of a file; the only one is {self.files[0].name!r}")
        # A file called "-o.c" or "@x.c" is still a file, never an option.
        self._sources = tuple(_as_path(file.name) for file in self.files if language.is_source(file.name))
        self._scalars = {
            "{entrypoint}": _as_path(entrypoint),
            "{entrypoint_stem}": str(PurePosixPath(entrypoint).with_suffix("")),
        } | _shares_of_memory(language, self.limits)
        self._run_options = self._chosen_run_options(run_options)
        self._prestarted = (
            _prestarted_stages(language, self.limits, has_run_options=bool(self._run_options))
            if commands is None
            else ()
        )

    def source_trouble(self) -> str:
        """What may be the reason where it does not compile, or not even begin; empty where nothing is."""
        sources = (file for file in self.files if self.language.is_source(file.name))
        return next(filter(None, (encoding_trouble(file.name, file.data) for file in sources)), "")

    def _chosen_run_options(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """What the compiler's options imply, and what was asked for. Raises InvalidSubmission."""
        run = self.language.run
        for option in asked:
            if not any(fnmatchcase(option, pattern) for pattern in run.options):
                known = ", ".join(run.options)
                _refuse(
                    "run_options",
                    f"has {option!r}, which is none of those of {self.language.title}: {known}"
                    if known
                    else f"cannot be used: {self.language.title} programs are started by themselves",
                )
        implied = (run.implied.get(option, ()) for option in self._compile_args)
        return tuple(chain(*implied, asked))

    def compile_step(self) -> Step | None:
        """The compiler's step. Raises InvalidSubmission."""
        compiling = self.language.compile
        if self._commands:
            limits = compiling.limits if compiling else self.limits
            return Step(self._commands.compile, limits) if self._commands.compile else None
        if compiling is None:
            if self._compile_args:
                _refuse("compile_args", f"cannot be used: {self.language.title} programs are not compiled")
            return None
        if not self._sources:
            suffixes = " or ".join(self.language.suffixes)
            _refuse("files", f"must have at least one whose name ends in {suffixes}")
        return Step(
            self._fill(compiling.command, ()),
            compiling.limits,
            prestarted=Stage.COMPILE in self._prestarted,
            gives_back=Stage.RUN in self._prestarted,
        )

    def run_step(self, args: tuple[str, ...], stdin: bytes, *, is_first: bool) -> Step:
        """The step of one run. `is_first`: the program that was started ahead may serve it."""
        run = self.language.run
        prestarted = is_first and Stage.RUN in self._prestarted
        command = (*self._commands.run, *args) if self._commands else self._fill(run.command, args)
        return Step(command, self.limits, stdin, run.memory_marker, prestarted=prestarted)

    def _fill(self, command: tuple[str, ...], args: tuple[str, ...]) -> tuple[str, ...]:
        lists = {"{sources}": self._sources, "{args}": args, "{compile_args}": self._compile_args}
        lists["{run_options}"] = self._run_options
        filled: list[str] = []
        for word in command:
            filled.extend(lists[word] if word in lists else (_filled(word, self._scalars),))
        return tuple(filled)


def _as_path(name: str) -> str:
    return f"./{name}" if name.startswith(("-", "@")) else name


class _Cases:
    """The cases of a submission, each with its step and what decides about it."""

    def __init__(self, request: SubmissionRequest, program: _Program, judges: Mapping[Checker, _Program]) -> None:
        self._request = request
        self._program = program
        self._judges = judges
        self._numbers = {judge: number for number, judge in enumerate(judges)}

    def all(self) -> tuple[Case, ...]:
        """All of them; of a submission without cases the one that it is."""
        request = self._request
        if request.cases:
            return tuple(self._case(number, case) for number, case in enumerate(request.cases))
        whole = CaseRequest(stdin=request.stdin, stdin_encoding=request.stdin_encoding, args=request.args)
        return (self._case(0, whole),)

    def _case(self, index: int, case: CaseRequest) -> Case:
        step = self._program.run_step(case.args, case.stdin_data(), is_first=index == 0)
        checker, interactor = self._request.judges_of(case)
        judge = checker or interactor
        judging = self._judging(case, judge, step, is_beside=judge is interactor) if judge else None
        if interactor:
            # What was started ahead is given its input with its step.
            step = replace(step, stdin=b"", is_interactive=True, prestarted=False)
        return Case(
            name=case.name or str(index + 1),
            step=step,
            expected=None if judge else case.expected_stdout,
            compare=case.compare,
            files=tuple(PlannedFile(file.name, file.data()) for file in case.files if file.name),
            output_file=case.output_file,
            judging=judging,
        )

    def _judging(self, case: CaseRequest, judge: Checker, step: Step, *, is_beside: bool) -> Judging:
        program = self._judges[judge]
        names = argument_files(judge.convention)
        ran = program.run_step((*names, *judge.args, *case.checker_args), b"", is_first=False)
        if is_beside:
            # It has to be there for as long as the program may take, and then to say what it found.
            wall_seconds = ran.limits.wall_seconds + step.limits.wall_seconds
            ran = replace(ran, is_interactive=True, limits=ran.limits.changed(wall_seconds=wall_seconds))
        answer = (case.expected_stdout or "").encode()
        return Judging(self._numbers[judge], ran, step.stdin, answer, is_beside)
