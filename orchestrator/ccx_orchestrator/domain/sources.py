"""Sources as editors save them: the mark that some put first is taken off, and what is not UTF-8 is told of."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE

# The longer ones first: the mark of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (BOM_UTF32_LE, "UTF-32"),
    (BOM_UTF32_BE, "UTF-32"),
    (BOM_UTF16_LE, "UTF-16"),
    (BOM_UTF16_BE, "UTF-16"),
)
# A source that says its encoding itself, as Python's may in their first two lines (PEP 263).
_DECLARED = re.compile(rb"\A(?:[^\n]*\n)?[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+")
LOOKED_AT = 4096


def without_mark(data: bytes) -> bytes:
    """The source without the byte order mark of UTF-8, which is no part of a program and which javac refuses."""
    return data.removeprefix(BOM_UTF8)


def encoding_trouble(name: str, data: bytes) -> str:
    """What to do about a source in another encoding than UTF-8, in a sentence; nothing where there is nothing."""
    wide = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None) or _wide_without_mark(data)
    if wide:
        return f"{name} is in {wide}: save it as UTF-8."
    if _DECLARED.match(data):
        return ""
    try:
        data.decode()
    except UnicodeDecodeError:
        return f"{name} is not in UTF-8, which may be why: save it as UTF-8."
    return ""


def _wide_without_mark(data: bytes) -> str | None:
    """Text of mostly Latin letters, in which every second byte is zero."""
    start = data[:LOOKED_AT]
    return "UTF-16" if len(start) > 1 and max(start[::2].count(0), start[1::2].count(0)) > len(start) // 4 else None
