"""Bytes as people read them. One unit everywhere: powers of 1024, as memory and limits are counted."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def bytes_text(count: float) -> str:
    """Such as `512 B`, `9.1 MiB` or `2 GiB`: one digit after the point at most, none where it would be 0."""
    unit = 0
    while round(count, 1) >= _STEP and unit < len(_UNITS) - 1:
        count /= _STEP
        unit += 1
    return f"{round(count, 1):.15g} {_UNITS[unit]}"
