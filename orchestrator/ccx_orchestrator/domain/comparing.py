"""Output held against what was expected, and where they first differ. Pure, and with no copies of the texts."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from itertools import zip_longest

from ccx.wire import Comparison

SHOWN_CHARACTERS = 60
SHOWN_BEFORE = 20  # of these, how many stand before the first difference

Part = tuple[int, bytes]  # the number of a line, from 1, and the line or a word of it

_WORD = re.compile(rb"\S+")
_NUMBER = re.compile(rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)", re.IGNORECASE)


def difference(expected: bytes, actual: bytes, how: Comparison) -> str | None:
    """Where the output first differs, in one sentence that is bounded; None where it is right."""
    if expected == actual:
        return None
    for wanted, came in zip_longest(_parts(expected, how), _parts(actual, how)):
        if wanted is None or came is None or not _are_same(wanted[1], came[1], how):
            return _sentence(wanted, came)
    return None


def _parts(text: bytes, how: Comparison) -> Iterator[Part]:
    """What is compared one by one."""
    mode = how.effective_mode
    if mode == "tokens":
        return _words(text)
    if mode == "exact":
        return enumerate(io.BytesIO(text), 1)
    return ((number, line.rstrip()) for number, line in enumerate(io.BytesIO(text.rstrip()), 1))


def _words(text: bytes) -> Iterator[Part]:
    number, counted = 1, 0
    for word in _WORD.finditer(text):
        number += text.count(b"\n", counted, word.start())
        counted = word.start()
        yield number, word[0]


def _are_same(expected: bytes, actual: bytes, how: Comparison) -> bool:
    if expected == actual or (not how.case_sensitive and _folded(expected) == _folded(actual)):
        return True
    return how.has_tolerance and _are_close(expected, actual, how)


def _folded(text: bytes) -> str:
    return text.decode(errors="surrogateescape").casefold()


def _are_close(expected: bytes, actual: bytes, how: Comparison) -> bool:
    """Whether both are numbers, and near enough. Not a number is near itself alone, and so is each infinity."""
    if not _NUMBER.fullmatch(expected) or not _NUMBER.fullmatch(actual):
        return False
    wanted, came = float(expected), float(actual)
    if not math.isfinite(wanted) or not math.isfinite(came):
        return wanted == came or (math.isnan(wanted) and math.isnan(came))
    gap = abs(wanted - came)
    absolute, relative = how.float_absolute_tolerance or 0.0, how.float_relative_tolerance or 0.0
    return gap <= max(absolute, relative * abs(wanted))


def _sentence(wanted: Part | None, came: Part | None) -> str:
    if wanted is None and came is not None:
        return f"Line {came[0]} has more than was expected: {_shown(came[1], 0)}."
    if came is None and wanted is not None:
        return f"The output ended before line {wanted[0]} of what was expected: {_shown(wanted[1], 0)}."
    if wanted is None or came is None:
        raise ValueError("two ends do not differ")
    start = max(0, _common_characters(wanted[1], came[1]) - SHOWN_BEFORE)
    return f"Line {came[0]} is {_shown(came[1], start)}; expected was {_shown(wanted[1], start)}."


def _common_characters(one: bytes, other: bytes) -> int:
    pairs = zip(_text(one), _text(other), strict=False)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def _shown(part: bytes, start: int) -> str:
    """A piece of it in quotation marks, with what cannot be seen written out."""
    text = _text(part)
    piece = text[start : start + SHOWN_CHARACTERS]
    before, after = ("…" if start and text else ""), ("…" if len(text) > start + SHOWN_CHARACTERS else "")
    return f"{before}{piece!r}{after}"


def _text(part: bytes) -> str:
    return part.decode(errors="backslashreplace")
