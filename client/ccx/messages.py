"""What is said on `WS /v1/interactive`, as frozen models; `docs/interactive.md` is the text.

The client says `start` first, and then what its user does. The node answers with the events of the submission
(`ccx.events`), with `credit` for input that the program has taken, and with `refused` where it will not have it.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from ccx.events import ArtifactSent, CaseEnded, Compiled, Done, Output, Queued, Started
from ccx.wire import Answer, Encoding, Problem, Request, SubmissionRequest, decode

# So many bytes of input may be on their way to a program that has not taken them yet.
INPUT_WINDOW = 65_536
MOST_INPUT_MESSAGE = 16_384

Extent = Annotated[int, Field(ge=1, le=0xFFFF)]


class Terminal(Request):
    """A terminal, by its size in characters."""

    rows: Extent
    columns: Extent


class Start(Request):
    """The program to run. With `terminal` it has one, and writes to it alone; without, its outputs are apart."""

    type: Literal["start"] = "start"
    submission: SubmissionRequest
    terminal: Terminal | None = None


class Input(Request):
    """Bytes for the program's standard input."""

    type: Literal["input"] = "input"
    data: str
    encoding: Encoding = "utf-8"

    @model_validator(mode="after")
    def _decodes(self) -> Self:
        self.bytes()
        return self

    def bytes(self) -> bytes:
        """The input as bytes. Raises ValueError."""
        return decode(self.data, self.encoding)


class InputEnd(Request):
    """The end of standard input."""

    type: Literal["end"] = "end"


class Signal(Request):
    """A signal for the program and all it has started."""

    type: Literal["signal"] = "signal"
    signal: Literal["INT", "TERM", "KILL"]


class Resize(Request):
    """The terminal has another size."""

    type: Literal["resize"] = "resize"
    terminal: Terminal


class Credit(Answer):
    """The program has taken so many bytes of input."""

    type: Literal["credit"] = "credit"
    bytes: int


class Refused(Answer):
    """The problem for which nothing was run, or the session ended."""

    type: Literal["refused"] = "refused"
    problem: Problem


ClientMessage = Annotated[Start | Input | InputEnd | Signal | Resize, Field(discriminator="type")]
NodeMessage = Annotated[
    Queued | Started | Output | Compiled | CaseEnded | ArtifactSent | Done | Credit | Refused,
    Field(discriminator="type"),
]
CLIENT_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)
NODE_MESSAGE: TypeAdapter[NodeMessage] = TypeAdapter(NodeMessage)
