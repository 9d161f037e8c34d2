"""What requests and answers have in common: their words, and bytes as text."""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

FORWARDED_HEADER = "Ccx-Forwarded"  # a node sends this on, and says which it is; never sent on again

# The form of ids and of idempotency keys.
ID_PATTERN = "^[0-9a-f]{32}$"
KEY_PATTERN = r"^[\x21-\x7e]{1,255}$"

type_of_json = "application/json"
type_of_problem = "application/problem+json"

Encoding = Literal["utf-8", "base64"]

# JSON writes each of these in six characters. Base64 writes three bytes in four: it is shorter from one in fifteen on.
_ESCAPED_IN_JSON = bytes({*range(0x20), 0x7F} - {*b"\b\t\n\f\r"})
_LEAST_PLAIN = 14 / 15


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

    @classmethod
    def later(cls, name: str) -> Verdict:
        """One that only a later release knows: equal to its name, and to none of these."""
        verdict = str.__new__(cls, name)
        verdict._name_, verdict._value_ = name.upper(), name
        return verdict


_KNOWN = frozenset(Verdict)


def _told(value: object) -> object:
    return Verdict.later(value) if isinstance(value, str) and value not in _KNOWN else value


# In answers: an older client, or master, understands a newer node.
ToldVerdict = Annotated[Verdict, BeforeValidator(_told)]


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


def encode_shortly(data: bytes) -> tuple[str, Encoding]:
    """The same for a request, which a node bounds as JSON: base64 as well where JSON would escape too much of it."""
    if len(data.translate(None, _ESCAPED_IN_JSON)) < len(data) * _LEAST_PLAIN:
        return base64.b64encode(data).decode("ascii"), "base64"
    return encode(data)


def decode(text: str, encoding: Encoding) -> bytes:
    """The bytes behind text. Raises ValueError where it is not what its encoding says."""
    if encoding == "utf-8":
        return text.encode("utf-8")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"is not valid base64: {error}") from error
