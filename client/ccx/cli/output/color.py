"""Colour, where a terminal shows it and nobody has said NO_COLOR (no-color.org)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from typing import TextIO

_CODES = {"green": "32", "yellow": "33", "red": "31"}


def painted(text: str, color: Literal["green", "yellow", "red"], stream: TextIO | None) -> str:
    """The text in that colour where the stream is a terminal that takes colour, else as it is."""
    is_plain = stream is None or not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if is_plain else f"\x1b[{_CODES[color]}m{text}\x1b[0m"
