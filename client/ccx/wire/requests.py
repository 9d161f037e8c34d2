"""What a client sends."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from ccx.wire.basics import Encoding, Request, decode, encode_shortly
from ccx.wire.comparison import Comparison
from ccx.wire.fields import (
    MAX_ARTIFACTS,
    MAX_CASES,
    MAX_CHECKERS,
    MAX_FILES,
    Arguments,
    CallbackUrl,
    Deadline,
    Path,
    Priority,
)
from ccx.wire.limits import LimitOverrides
from ccx.wire.membership import Trust

Language = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SourceFile(Request):
    """One file of a submission; `name` is a path relative to the work directory."""

    name: Path | None = Field(default=None, description="Left out: the language's usual name, such as main.c.")
    content: str
    encoding: Encoding = "utf-8"

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        _check_text("content", self.content, self.encoding)
        return self

    @classmethod
    def of(cls, name: str | None, data: bytes) -> Self:
        """The file of that name with these bytes."""
        content, encoding = encode_shortly(data)
        return cls(name=name, content=content, encoding=encoding)

    def data(self) -> bytes:
        """The file's bytes."""
        return decode(self.content, self.encoding)


CheckerConvention = Literal["kattis", "testlib"]
CallbackForm = Literal["ccx", "judge0"]


class Checker(Request):
    """A program that says whether a case is right. It runs in a sandbox of its own, where it finds the files `input`,
    `output` and `answer`; docs/checkers.md tells how it is called and what it answers.
    """

    language: Language
    files: Annotated[tuple[SourceFile, ...], Field(strict=False, min_length=1, max_length=MAX_FILES)]
    entrypoint: Path | None = Field(default=None, description="The main file. Left out: the first of `files`.")
    args: Arguments = Field(default=(), description="Arguments behind those of the convention.")
    compile_args: Arguments = ()
    limits: LimitOverrides = LimitOverrides()
    convention: CheckerConvention = Field(
        default="kattis",
        description="`kattis`: exit code 42 is right and 43 is wrong, feedback goes into a directory. "
        "`testlib`: 0 is right and 1 is wrong, feedback goes to standard error.",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _check_files(self.files, self.entrypoint)
        return self


class CaseRequest(Request):
    """One execution of the compiled submission."""

    name: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="Left out: its number, from 1."
    )
    stdin: str = ""
    stdin_encoding: Encoding = "utf-8"
    args: Arguments = ()
    expected_stdout: str | None = Field(default=None, description="Compared with what it writes; see `compare`.")
    compare: Comparison = Field(default=Comparison(), description="When the output is right. Left out: `trim`.")
    files: Annotated[tuple[SourceFile, ...], Field(strict=False, max_length=MAX_FILES)] = Field(
        default=(), description="Files for this case alone. One that has the name of another takes its place."
    )
    output_file: Path | None = Field(
        default=None, description="A file that the program writes: it is looked at in place of standard output."
    )
    checker: Checker | None = Field(default=None, description="Left out: the submission's.")
    interactor: Checker | None = Field(default=None, description="Left out: the submission's.")
    checker_args: Arguments = Field(
        default=(), description="Arguments of the checker or interactor in this case, behind its own."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _check_text("stdin", self.stdin, self.stdin_encoding)
        if any(file.name is None for file in self.files):
            raise ValueError("files: every file of a case needs a name")
        _check_files(self.files, None)
        _check_one_judge(self.checker, self.interactor)
        return self

    def stdin_data(self) -> bytes:
        """Standard input as bytes."""
        return decode(self.stdin, self.stdin_encoding)


class Commands(Request):
    """What is run in place of the language's own commands, each a program and its arguments, in the work directory. No
    shell reads them, unless one is named: `["bash", "run.sh"]`.
    """

    compile: Arguments = Field(default=(), description="Run once, before the cases. Left out: nothing is.")
    run: Annotated[Arguments, Field(min_length=1, description="Run for each case, the case's `args` behind it.")]


class SubmissionRequest(Request):
    """A program to run: `language` and one file are all that is required."""

    language: Language
    files: Annotated[tuple[SourceFile, ...], Field(strict=False, min_length=1, max_length=MAX_FILES)]
    entrypoint: Path | None = Field(default=None, description="The main file. Left out: the first of `files`.")
    args: Arguments = ()
    stdin: str = ""
    stdin_encoding: Encoding = "utf-8"
    compile_args: Arguments = ()
    run_options: Arguments = Field(
        default=(), description="Options of the interpreter or virtual machine, of those that the language allows."
    )
    commands: Commands | None = Field(default=None, description="Left out: those of the language.")
    limits: LimitOverrides = LimitOverrides()
    cases: Annotated[tuple[CaseRequest, ...], Field(strict=False, max_length=MAX_CASES)] = Field(
        default=(), description="Left out: one case with the submission's own `stdin` and `args`."
    )
    checker: Checker | None = Field(
        default=None, description="A program that says whether the output of a case is right, in place of `compare`."
    )
    interactor: Checker | None = Field(
        default=None,
        description="A program that runs beside that of the submission: what one writes the other reads. It says "
        "whether the case is right.",
    )
    stop_on_failure: bool = Field(default=False, description="End at the first case that is not ok.")
    artifacts: Annotated[tuple[Path, ...], Field(strict=False, max_length=MAX_ARTIFACTS)] = Field(
        default=(),
        description="Files of the work directory to return after the last case. `*`, `?` and `[…]` stand for several.",
    )
    priority: Priority = Field(default=0, description="A higher one goes first. Within one, clients take turns.")
    deadline_seconds: Deadline | None = Field(
        default=None, description="Cancelled unless it was started by then, counted from its acceptance."
    )
    callback_url: CallbackUrl | None = Field(default=None, description="Where to POST the result, signed.")
    callback_form: CallbackForm = Field(
        default="ccx", description="`judge0`: the result is PUT there in the form of that system."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _check_text("stdin", self.stdin, self.stdin_encoding)
        _check_files(self.files, self.entrypoint)
        _check_one_judge(self.checker, self.interactor)
        for number, case in enumerate(self.cases):
            self._check_case(number, case)
        if len(self.judges()) > MAX_CHECKERS:
            raise ValueError(
                f"cases: have {len(self.judges())} different checkers and interactors; at most {MAX_CHECKERS}"
            )
        if self.cases and (self.stdin or self.args):
            raise ValueError("cases: give stdin and args inside the cases, not beside them")
        return self

    def _check_case(self, number: int, case: CaseRequest) -> None:
        """Raise ValueError where a part of a case would never be looked at."""
        checker, interactor = self.judges_of(case)
        judge = "interactor" if interactor else "checker"
        if (checker or interactor) and case.compare != Comparison():
            raise ValueError(f"cases.{number}.compare: cannot be used, for the {judge} decides")
        if interactor and (case.output_file is not None):
            raise ValueError(f"cases.{number}.output_file: cannot be used, for the interactor decides")
        if case.output_file is not None and case.expected_stdout is None and not checker:
            raise ValueError(f"cases.{number}.output_file: needs expected_stdout or a checker")
        if case.checker_args and not (checker or interactor):
            raise ValueError(f"cases.{number}.checker_args: cannot be used without a checker or interactor")

    def judges_of(self, case: CaseRequest) -> tuple[Checker | None, Checker | None]:
        """The checker and the interactor of a case: its own, or else the submission's."""
        if case.checker or case.interactor:
            return case.checker, case.interactor
        return self.checker, self.interactor

    def judges(self) -> dict[Checker, str]:
        """The programs that judge its cases, each once, and what each is: a checker or an interactor."""
        pairs = map(self.judges_of, self.cases) if self.cases else [(self.checker, self.interactor)]
        named = chain.from_iterable(zip(pair, ("checker", "interactor"), strict=True) for pair in pairs)
        return {judge: title for judge, title in named if judge}

    def languages(self) -> tuple[str, ...]:
        """The languages that it takes to run and judge it, its own first."""
        return tuple(dict.fromkeys((self.language, *sorted(judge.language for judge in self.judges()))))

    def stdin_data(self) -> bytes:
        """Standard input as bytes."""
        return decode(self.stdin, self.stdin_encoding)


def _check_one_judge(checker: Checker | None, interactor: Checker | None) -> None:
    if checker and interactor:
        raise ValueError("interactor: cannot be used together with a checker; give one of them")


def _check_files(files: tuple[SourceFile, ...], entrypoint: str | None) -> None:
    names = [file.name for file in files if file.name is not None]
    if len(names) < len(files) and len(files) > 1:
        raise ValueError("files: every file needs a name where there are several")
    _check_distinct(names)
    if entrypoint is not None and names and entrypoint not in names:
        raise ValueError(f"entrypoint: {entrypoint!r} is not the name of one of the files")


def _check_text(field: str, text: str, encoding: Encoding) -> None:
    """Raise ValueError that names the field where text and encoding do not fit."""
    try:
        decode(text, encoding)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error


def _check_distinct(names: list[str]) -> None:
    """No name twice, and no file where another needs a directory."""
    seen = set(names)
    if len(seen) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"files: the name {twice!r} is given twice")
    for name in names:
        parts = name.split("/")
        for end in range(1, len(parts)):
            if (parent := "/".join(parts[:end])) in seen:
                raise ValueError(f"files: {parent!r} cannot be both a file and the directory of {name!r}")


class Announcement(Request):
    """A node says that it takes overflow, again and again."""

    url: str | None = Field(default=None, description="Where it is reached. Left out: where it called from, at `port`.")
    port: int = 8700
    is_encrypted: bool = Field(default=False, description="Whether it speaks TLS there.")


class Lease(Request):
    """A master says that it lives, and for how long a node may believe it."""

    seconds: Annotated[float, Field(gt=0, le=3600)]
    trust: Trust | None = Field(default=None, description="Whom to trust, where the node reported another revision.")


# The names of all fields of a submission, of its parts too: what a misspelt one may have been meant for.
_MODELS = (SubmissionRequest, CaseRequest, Checker, SourceFile, LimitOverrides, Comparison)
FIELDS = tuple(name for model in _MODELS for name in model.model_fields)
