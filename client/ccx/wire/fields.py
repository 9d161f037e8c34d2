"""The fields of requests: what each may be, and what is said where it is not."""

from __future__ import annotations

import unicodedata
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

MAX_FILES = 256
MAX_CASES = 1000
MAX_CHECKERS = 4  # each has a sandbox as long as the submission runs
MAX_ARGUMENTS = 256
MAX_ARGUMENT_BYTES = 16_384
MAX_ARTIFACTS = 32
MAX_NAME_BYTES = 1024
MAX_SEGMENT_BYTES = 255
HIGHEST_PRIORITY = 100
LONGEST_DEADLINE_SECONDS = 7 * 24 * 3600.0
MAX_URL_LENGTH = 2048


def relative_path(name: str) -> str:
    """The name, if it is one of a file in the work directory that a request can have. Raises ValueError."""
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


Path = Annotated[str, StringConstraints(min_length=1), AfterValidator(relative_path)]
Argument = Annotated[str, AfterValidator(_argument)]
# A JSON array arrives as a list; strict mode would refuse it for a tuple outside of JSON input.
Arguments = Annotated[tuple[Argument, ...], Field(strict=False, max_length=MAX_ARGUMENTS), AfterValidator(_arguments)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Deadline = Annotated[float, Field(gt=0, le=LONGEST_DEADLINE_SECONDS)]
Priority = Annotated[int, Field(ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)]
CallbackUrl = Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH), AfterValidator(_callback_url)]
Count = Annotated[int, Field(gt=0)]
