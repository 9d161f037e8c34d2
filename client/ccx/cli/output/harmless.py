"""Names that others chose, as a terminal may show them: what would move its cursor or turn its text is spelt out."""

from __future__ import annotations

import re

# Control characters, and those that change the direction of the text around them (Unicode Standard Annex #9).
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_LARGEST_BYTE = 0xFF


def harmless(text: str) -> str:
    r"""The text in one line, with `\x1b` for the character of that number."""
    return _HARMFUL.sub(_spelt_out, text)


def _spelt_out(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number <= _LARGEST_BYTE else f"\\u{number:04x}"
