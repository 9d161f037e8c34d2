"""The option `--limit cpu=2,memory=128m`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ccx.errors import BadInput
from ccx.wire import LIMIT_NAMES, LimitOverrides

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIME = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,9})?)(?P<unit>s|ms)?")
_BYTES = re.compile(r"(?P<number>[0-9]{1,15})(?P<unit>[kmg])?")
_COUNT = re.compile(r"[0-9]{1,9}")
_FACTORS = {None: 1, "k": 2**10, "m": 2**20, "g": 2**30}


def parse_limits(options: Iterable[str]) -> LimitOverrides:
    """The limits of all `--limit` options together; of a limit given twice, the last counts. Raises BadInput."""
    limits: dict[str, float | int] = {}
    for option in options:
        for item in option.split(","):
            name, equals, text = item.partition("=")
            if not equals or name.strip() not in _LIMITS:
                raise BadInput(f"--limit: {item!r} is not a limit; write NAME=VALUE with one of {', '.join(_LIMITS)}.")
            field, parse, form = _LIMITS[name.strip()]
            value = parse(text.strip().lower())
            if value is None or value <= 0:
                raise BadInput(f"--limit: {item!r} does not give {form}.")
            limits[field] = value
    return LimitOverrides.model_validate(limits)


def limits_text(limits: LimitOverrides) -> str:
    """Those that are set, as the option has them."""
    found = {name: getattr(limits, field) for name, (field, _, _) in _LIMITS.items()}
    return ",".join(f"{name}={value:.15g}" for name, value in found.items() if value is not None)


def _seconds(text: str) -> float | None:
    if (match := _TIME.fullmatch(text)) is None:
        return None
    number = float(match["number"])
    return number / 1000 if match["unit"] == "ms" else number


def _bytes(text: str) -> int | None:
    if (match := _BYTES.fullmatch(text)) is None:
        return None
    return int(match["number"]) * _FACTORS[match["unit"]]


def _count(text: str) -> int | None:
    return int(text) if _COUNT.fullmatch(text) else None


_Parse = Callable[[str], float | None]
# By the end of a field's name: how a value is read, what is said where it cannot be, examples for the help.
_UNITS: dict[str, tuple[_Parse, str, str]] = {
    "_seconds": (_seconds, "a time above 0, such as 2, 1.5s or 500ms", "2, 1.5s, 500ms"),
    "_bytes": (_bytes, "bytes above 0, such as 65536, 64k, 128m or 1g", "64k, 128m, 1g"),
    "": (_count, "a whole number above 0, such as 16", "16"),
}
_UNIT_OF = {field: next(filter(field.endswith, _UNITS)) for field in LIMIT_NAMES}
_LIMITS = {field.removesuffix(unit).replace("_", "-"): (field, *_UNITS[unit][:2]) for field, unit in _UNIT_OF.items()}
OPTION_NAMES = tuple(_LIMITS)
HELP = "Limits, with commas or repeated: " + ", ".join(
    f"{', '.join(name for name, (field, *_) in _LIMITS.items() if _UNIT_OF[field] == unit)} ({examples})"
    for unit, (_, _, examples) in _UNITS.items()
)
