"""What a user does to a program that runs."""

from __future__ import annotations

from dataclasses import dataclass
from signal import Signals


@dataclass(frozen=True, slots=True)
class Typed:
    """Bytes for its standard input."""

    data: bytes


@dataclass(frozen=True, slots=True)
class InputEnded:
    """There will be no more of them."""


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal for its process group."""

    signal: Signals


@dataclass(frozen=True, slots=True)
class WindowSize:
    """The size of its terminal, in characters."""

    rows: int
    columns: int


Control = Typed | InputEnded | Signalled | WindowSize
