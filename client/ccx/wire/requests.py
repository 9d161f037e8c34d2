"""What a client sends."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from ccx.wire.basics import Encoding, Request, decode, encode_shortly
from ccx.wire.comparison import Comparison
from ccx.wire.fields import (
    MAX_ARTIFACTS,
    MAX_CASES,
    MAX_FILES,
    Arguments,
    CallbackUrl,
    Count,
    Deadline,
    Path,
    Priority,
    Seconds,
)


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


class LimitOverrides(Request):
    """Limits a client asks for; what is left out is the language's default. Above the language's ceiling is an error,
    not a clamp.
    """

    cpu_seconds: Seconds | None = Field(default=None, description="CPU time of the whole process tree of a case.")
    wall_seconds: Seconds | None = Field(default=None, description="Time on the clock of a case.")
    memory_bytes: Count | None = Field(default=None, description="Memory of the sandbox, files in it included.")
    processes: Count | None = Field(default=None, description="Processes and threads at any one time.")
    output_bytes: Count | None = Field(default=None, description="Bytes kept of stdout, and as many of stderr.")
    file_bytes: Count | None = Field(default=None, description="Size of the largest file a case may write.")


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

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        _check_text("stdin", self.stdin, self.stdin_encoding)
        return self

    def stdin_data(self) -> bytes:
        """Standard input as bytes."""
        return decode(self.stdin, self.stdin_encoding)


class SubmissionRequest(Request):
    """A program to run: `language` and one file are all that is required."""

    language: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    files: Annotated[tuple[SourceFile, ...], Field(strict=False, min_length=1, max_length=MAX_FILES)]
    entrypoint: Path | None = Field(default=None, description="The main file. Left out: the first of `files`.")
    args: Arguments = ()
    stdin: str = ""
    stdin_encoding: Encoding = "utf-8"
    compile_args: Arguments = ()
    run_options: Arguments = Field(
        default=(), description="Options of the interpreter or virtual machine, of those that the language allows."
    )
    limits: LimitOverrides = LimitOverrides()
    cases: Annotated[tuple[CaseRequest, ...], Field(strict=False, max_length=MAX_CASES)] = Field(
        default=(), description="Left out: one case with the submission's own `stdin` and `args`."
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

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _check_text("stdin", self.stdin, self.stdin_encoding)
        names = [file.name for file in self.files if file.name is not None]
        if len(names) < len(self.files) and len(self.files) > 1:
            raise ValueError("files: every file needs a name where there are several")
        _check_distinct(names)
        if self.entrypoint is not None and names and self.entrypoint not in names:
            raise ValueError(f"entrypoint: {self.entrypoint!r} is not the name of one of the files")
        if self.cases and (self.stdin or self.args):
            raise ValueError("cases: give stdin and args inside the cases, not beside them")
        return self

    def stdin_data(self) -> bytes:
        """Standard input as bytes."""
        return decode(self.stdin, self.stdin_encoding)


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


# The names of all fields of a submission, of its parts too: what a misspelt one may have been meant for.
_MODELS = (SubmissionRequest, CaseRequest, SourceFile, LimitOverrides, Comparison)
FIELDS = tuple(name for model in _MODELS for name in model.model_fields)
