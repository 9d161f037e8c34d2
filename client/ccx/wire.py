"""Everything that crosses a socket, as frozen models. No behaviour beyond validation and text encoding.

Units are in the names (`wall_seconds`, `memory_bytes`). Requests refuse unknown fields; answers ignore them, so that
an older client understands a newer node.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAX_FILES = 256
MAX_CASES = 1000
MAX_ARGUMENTS = 256
MAX_ARGUMENT_BYTES = 16_384
MAX_ARTIFACTS = 32
MAX_NAME_BYTES = 1024
MAX_SEGMENT_BYTES = 255
HIGHEST_PRIORITY = 100
LONGEST_DEADLINE_SECONDS = 7 * 24 * 3600.0
MAX_URL_LENGTH = 2048

FORWARDED_HEADER = "Ccx-Forwarded"  # a node sends this submission on, and says which it is; never sent on again
TOKEN_HEADER = "Ccx-Cluster-Token"  # noqa: S105  (a name)

type_of_json = "application/json"
type_of_problem = "application/problem+json"

Encoding = Literal["utf-8", "base64"]


class Verdict(StrEnum):
    """What the program did. Their failure is a value; only `internal_error` is ours."""

    OK = "ok"
    WRONG_ANSWER = "wrong_answer"
    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    CPU_TIME_LIMIT = "cpu_time_limit"
    WALL_TIME_LIMIT = "wall_time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    CANCELLED = "cancelled"
    INTERNAL_ERROR = "internal_error"


class State(StrEnum):
    """The life of a submission. `done` is final and has a verdict."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class Request(BaseModel):
    """A model a client sends: closed, strict, frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Answer(BaseModel):
    """A model a node sends: frozen, open to fields of later versions."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def encode(data: bytes) -> tuple[str, Encoding]:
    """Bytes as text: UTF-8 where they are UTF-8, base64 otherwise."""
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii"), "base64"


def decode(text: str, encoding: Encoding) -> bytes:
    """The bytes behind text. Raises ValueError where it is not what its encoding says."""
    if encoding == "utf-8":
        return text.encode("utf-8")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"is not valid base64: {error}") from error


def _relative_path(name: str) -> str:
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"must be at most {MAX_NAME_BYTES} bytes long")
    if name.startswith("/"):
        raise ValueError("must be relative to the work directory, without a leading '/'")
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        raise ValueError("must not have control characters")
    for segment in name.split("/"):
        if segment in {"", ".", ".."}:
            raise ValueError("must not have empty, '.' or '..' parts")
        if len(segment.encode()) > MAX_SEGMENT_BYTES:
            raise ValueError(f"must not have a part longer than {MAX_SEGMENT_BYTES} bytes")
    return name


def _callback_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is not an address: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ValueError("must be an http:// or https:// address with a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not have a user name or password in it")
    if not text.isascii() or any(ord(letter) <= 32 or ord(letter) == 127 for letter in text):
        raise ValueError("must be ASCII without white space or control characters")
    return text


def _argument(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("must not have half of a surrogate pair: it is no character")
    if "\0" in text:
        raise ValueError("must not have a NUL character: no program can receive it")
    return text


def _arguments(arguments: tuple[str, ...]) -> tuple[str, ...]:
    if sum(len(argument.encode()) + 1 for argument in arguments) > MAX_ARGUMENT_BYTES:
        raise ValueError(f"must be at most {MAX_ARGUMENT_BYTES} bytes together")
    return arguments


Path = Annotated[str, StringConstraints(min_length=1), AfterValidator(_relative_path)]
Argument = Annotated[str, AfterValidator(_argument)]
# A JSON array arrives as a list; strict mode would refuse it for a tuple outside of JSON input.
Arguments = Annotated[tuple[Argument, ...], Field(strict=False, max_length=MAX_ARGUMENTS), AfterValidator(_arguments)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Deadline = Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_SECONDS)]
Priority = Annotated[int, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)]
CallbackUrl = Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH), AfterValidator(_callback_url)]
Count = Annotated[int, Field(gt=0)]


class SourceFile(Request):
    """One file of a submission; `name` is a path relative to the work directory."""

    name: Path | None = Field(default=None, description="Left out: the language's usual name, such as main.c.")
    content: str
    encoding: Encoding = "utf-8"

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        _check_text("content", self.content, self.encoding)
        return self

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
    expected_stdout: str | None = Field(
        default=None, description="Compared without white space at the ends of lines and of the whole output."
    )

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
    limits: LimitOverrides = LimitOverrides()
    cases: Annotated[tuple[CaseRequest, ...], Field(strict=False, max_length=MAX_CASES)] = Field(
        default=(), description="Left out: one case with the submission's own `stdin` and `args`."
    )
    stop_on_failure: bool = Field(default=False, description="End at the first case that is not ok.")
    artifacts: Annotated[tuple[Path, ...], Field(strict=False, max_length=MAX_ARTIFACTS)] = Field(
        default=(), description="Files of the work directory to return after the last case."
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


class StepUsage(Answer):
    """How one process tree ended, what it wrote and what it used."""

    exit_code: int | None = None
    signal: str | None = Field(default=None, description="Such as SIGSEGV, where a signal ended it.")
    limit: str | None = Field(default=None, description="The limit that ended it, by its name in `limits`.")
    message: str | None = Field(default=None, description="The cause in one sentence, where it is not ok.")
    stdout: str = ""
    stdout_encoding: Encoding = "utf-8"
    stdout_bytes: int = Field(default=0, description="Bytes written, kept or not.")
    stdout_truncated: bool = False
    stderr: str = ""
    stderr_encoding: Encoding = "utf-8"
    stderr_bytes: int = Field(default=0, description="Bytes written, kept or not.")
    stderr_truncated: bool = False
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    memory_bytes: int = 0

    def stdout_data(self) -> bytes:
        """Standard output as bytes."""
        return decode(self.stdout, self.stdout_encoding)

    def stderr_data(self) -> bytes:
        """Standard error as bytes."""
        return decode(self.stderr, self.stderr_encoding)


class CompileResult(StepUsage):
    """The compile step. Its limits are the language's own."""


class CaseResult(StepUsage):
    """One case."""

    name: str
    verdict: Verdict


class Artifact(Answer):
    """A file the program left. `error` says why there is none."""

    name: str
    content: str = ""
    encoding: Encoding = "utf-8"
    error: str | None = None

    def data(self) -> bytes:
        """The file's bytes."""
        return decode(self.content, self.encoding)


class Submission(Answer):
    """A submission as a node sees it: the answer to POST and GET."""

    id: str
    state: State
    verdict: Verdict | None = None
    message: str | None = Field(default=None, description="The cause in one sentence, where it is not ok.")
    language: str
    language_version: str | None = None
    node: str | None = Field(default=None, description="The node that ran it.")
    queue_position: int | None = Field(default=None, description="1 is next. Only while queued.")
    attempt: int = Field(default=0, description="How often it was started: more than once where a node died over it.")
    compile: CompileResult | None = None
    cases: tuple[CaseResult, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class SubmissionSummary(Answer):
    """A submission without its output, as a list has it."""

    id: str
    state: State
    verdict: Verdict | None = None
    message: str | None = None
    language: str
    language_version: str | None = None
    node: str | None = None
    queue_position: int | None = None
    attempt: int = 0
    priority: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class SubmissionPage(Answer):
    """Submissions, newest first. `next_cursor` asks for those after these; None where there are no more."""

    submissions: tuple[SubmissionSummary, ...]
    next_cursor: str | None = None


class Limits(Answer):
    """All six limits of a case."""

    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    processes: int
    output_bytes: int
    file_bytes: int


class LanguageInfo(Answer):
    """A language a node serves."""

    name: str
    title: str
    aliases: tuple[str, ...]
    suffixes: tuple[str, ...]
    version: str
    image: str
    default_limits: Limits
    highest_limits: Limits


class PoolHealth(Answer):
    """Sandboxes of one language that were started ahead. `error` says why there are not as many as there should be."""

    language: str
    idle: int
    starting: int
    target: int
    warm: int = Field(description="Submissions that got one, since the node began.")
    cold: int = Field(description="Submissions that had to start their own.")
    error: str | None = None


class Health(Answer):
    """Answer of /healthz: the node is up. `engine` says whether its Docker engine answers."""

    status: Literal["ok", "degraded"]
    node: str
    engine: str
    running: int
    queued: int
    slots: int
    pool: tuple[PoolHealth, ...] = ()


class Usage(Answer):
    """What a machine is doing, as one reading. `cpu_percent` is of all its processors together."""

    at: datetime
    cpu_percent: float
    memory_bytes: int = Field(description="In use.")
    memory_total_bytes: int
    load: float = Field(description="The load average of one minute.")


class NodeReport(Answer):
    """What a node tells of itself."""

    name: str
    incarnation: str = Field(description="Another one every time the node is started.")
    started_at: datetime
    languages: tuple[LanguageInfo, ...]
    slots: int
    running: int = Field(description="On its own Docker host.")
    queued: int
    forwarded: int = Field(description="Sent on to other nodes, and not ended yet.")
    held: int = Field(default=0, description="Of `running` and `queued`, how many the node that asks has sent.")
    draining: bool
    engine: str = Field(description="`ok`, or what is wrong with its Docker engine.")
    usage: Usage


class NodeHealth(StrEnum):
    """How a node looks from the node that was asked."""

    OK = "ok"
    DEGRADED = "degraded"
    DRAINING = "draining"
    SILENT = "silent"
    UNKNOWN = "unknown"


class NodeInfo(Answer):
    """A node as another sees it. Without a report it was never reached."""

    name: str
    url: str | None = Field(default=None, description="None for the node that was asked.")
    health: NodeHealth
    since: datetime = Field(description="Since when it is in this health.")
    here_from_us: int = Field(default=0, description="Submissions of the node that was asked which are there now.")
    report: NodeReport | None = None
    submissions: tuple[str, ...] = Field(default=(), description="Which these are.")


class Announcement(Request):
    """A node says that it takes overflow, again and again."""

    url: str | None = Field(default=None, description="Where it is reached. Left out: where it called from, at `port`.")
    port: int = 8700


class Lease(Request):
    """A master says that it lives, and for how long a node may believe it."""

    seconds: Annotated[float, Field(gt=0, le=3600)]


class FieldError(Answer):
    """One thing wrong with a request."""

    field: str
    message: str


class Problem(Answer):
    """RFC 9457 problem details. `type` is stable; programs may rely on it."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry_after_seconds: float | None = None
