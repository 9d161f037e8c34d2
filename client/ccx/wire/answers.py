"""What a node sends."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from ccx.wire.basics import Answer, Encoding, State, ToldVerdict, decode
from ccx.wire.limits import Limits


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
    verdict: ToldVerdict | None = Field(default=None, description="None while it runs.")
    feedback: str | None = Field(default=None, description="What its checker or interactor said, the beginning of it.")


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
    verdict: ToldVerdict | None = None
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

    def __repr__(self) -> str:
        """In a line: its end, why, and the beginnings of what its first case wrote."""
        told = [f"Submission …{self.id[-8:]} {self.verdict or self.state}"]
        if self.message:
            told.append(self.message)
        first = self.cases[0] if self.cases else self.compile
        if first:
            told += [f"{name}={_short(text)!r}" for name in ("stdout", "stderr") if (text := getattr(first, name))]
        return f"<{' '.join(told)}>"

    def _repr_html_(self) -> str:
        """As notebooks show it."""
        from ccx.notebook import html_of

        return html_of(self)


_SHORT = 200


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"


class SubmissionSummary(Answer):
    """A submission without its output, as a list has it."""

    id: str
    state: State
    verdict: ToldVerdict | None = None
    message: str | None = None
    language: str
    language_version: str | None = None
    node: str | None = None
    queue_position: int | None = None
    attempt: int = 0
    priority: int = 0
    client: str | None = Field(default=None, description="Who sent it, by address.")
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @classmethod
    def of(cls, submission: Submission, priority: int, client: str | None) -> SubmissionSummary:
        """The line of that submission, with what it does not tell itself."""
        return cls(**{name: getattr(submission, name) for name in _SHARED}, priority=priority, client=client)


_SHARED = tuple(name for name in SubmissionSummary.model_fields if name in Submission.model_fields)

MAX_PAGE = 200  # submissions that one page of a list may have


class SubmissionPage(Answer):
    """Submissions, newest first. `next_cursor` asks for those after these; None where there are no more."""

    submissions: tuple[SubmissionSummary, ...]
    next_cursor: str | None = None


class LanguageInfo(Answer):
    """A language a node serves."""

    name: str
    title: str
    aliases: tuple[str, ...]
    suffixes: tuple[str, ...]
    version: str
    image: str
    by_name_only: bool = Field(
        default=False, description="Where another language has the same suffixes, theirs are its own."
    )
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
    """Answer of /healthz: the node is up. `engine` says whether its Docker engine answers; a node that is `draining`
    takes nothing new.
    """

    status: Literal["ok", "degraded", "draining"]
    node: str
    version: str = Field(default="", description="The node's release of ccx.")
    engine: str
    store: str = Field(default="ok", description="`ok`, or what is wrong with its store: it then takes nothing in.")
    running: int
    queued: int
    slots: int
    pool: tuple[PoolHealth, ...] = ()
    posture: Literal["local", "locked", "insecure"] = Field(
        default="local",
        description="Only its own machine reaches it; or others do, with tokens and TLS; or without one of these.",
    )


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
    trust: int | None = Field(
        default=None, description="The revision of whom it trusts, where nodes have certificates."
    )


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
