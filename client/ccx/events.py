"""What a node tells of a submission while it lives: the lines of an event stream, as frozen models.

    queued · started · (output* · compiled)? · (output* · case)* · artifact* · done

`id` is `attempt-number`: numbers count from 1 without a gap within an attempt, and a reader that lost its connection
goes on after the last id it has. An event without an id is news of the moment (a new place in the queue) that is not
kept. A submission that had to be started anew has a higher attempt, which begins at `queued` again: what was told of
the attempt before it is void.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ccx.wire import Answer, Encoding, Submission, decode
from ccx.wire.basics import ToldVerdict

type_of_sse = "text/event-stream"
type_of_ndjson = "application/x-ndjson"

StreamName = Literal["stdout", "stderr"]


class _Told(Answer):
    id: str | None = Field(default=None, description="attempt-number; none for what is not kept.")


class Queued(_Told):
    """It was accepted, or its place in the queue has changed."""

    type: Literal["queued"] = "queued"
    submission_id: str
    position: int | None = Field(default=None, description="1 is next; none: it need not wait.")


class Started(_Told):
    """It has a sandbox."""

    type: Literal["started"] = "started"
    node: str
    language_version: str
    attempt: int


class Output(_Told):
    """A piece of output."""

    type: Literal["output"] = "output"
    case: int | None = Field(description="The case by its index from 0; none for the compiler.")
    stream: StreamName
    data: str
    encoding: Encoding = "utf-8"

    def bytes(self) -> bytes:
        """The piece as bytes."""
        return decode(self.data, self.encoding)


class _StepEnded(_Told):
    """How one process tree ended and what it used. `how` and `code` are what the kernel said."""

    verdict: ToldVerdict
    exit_code: int | None = None
    signal: str | None = Field(default=None, description="Such as SIGSEGV, where a signal ended it.")
    limit: str | None = None
    message: str | None = None
    how: Literal["exited", "signalled", "not_started"]
    code: int = Field(description="Exit code, signal number, or the errno for which it could not be started.")
    ended_by: Literal["nothing", "cpu", "wall", "stdout", "stderr", "cancel"]
    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    stdout_bytes: int = Field(description="Bytes written, kept or not.")
    stderr_bytes: int = Field(description="Bytes written, kept or not.")
    oom_kills: int
    refused_forks: int
    marker_found: bool
    left_behind: int


class Compiled(_StepEnded):
    """The compiler has ended."""

    type: Literal["compiled"] = "compiled"


class CaseEnded(_StepEnded):
    """A case has ended."""

    type: Literal["case"] = "case"
    case: int = Field(description="Its index from 0.")
    feedback: str | None = Field(default=None, description="What its checker or interactor said, the beginning of it.")


class ArtifactSent(_Told):
    """A file that was asked for. `error` says why there is none."""

    type: Literal["artifact"] = "artifact"
    name: str
    content: str = ""
    encoding: Encoding = "utf-8"
    error: str | None = None


class Done(_Told):
    """The end, always the last event."""

    type: Literal["done"] = "done"
    verdict: ToldVerdict
    message: str | None = None
    submission: Submission | None = Field(
        default=None, description="As GET answers it; left out where its outputs are large."
    )


Event = Annotated[Queued | Started | Output | Compiled | CaseEnded | ArtifactSent | Done, Field(discriminator="type")]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(text: str | bytes) -> Event | None:
    """The event in a line of JSON; None for a kind that a later version may have. Raises ValidationError."""
    try:
        return EVENT.validate_json(text)
    except ValidationError as error:
        if any(detail["type"] == "union_tag_invalid" for detail in error.errors()):
            return None
        raise
