"""The option `--limit cpu=2,memory=128m`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ccx.errors import BadInput
from ccx.wire import LimitOverrides

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


_TIME_FORM = "a time above 0, such as 2, 1.5s or 500ms"
_BYTES_FORM = "bytes above 0, such as 65536, 64k, 128m or 1g"
_COUNT_FORM = "a whole number above 0, such as 16"
_Parse = Callable[[str], float | None]


def _kind(field: str) -> tuple[str, _Parse, str]:
    """What a limit is written like: its unit is at the end of its name."""
    if field.endswith("_seconds"):
        return field, _seconds, _TIME_FORM
    return (field, _bytes, _BYTES_FORM) if field.endswith("_bytes") else (field, _count, _COUNT_FORM)


def _option(field: str) -> str:
    return field.removesuffix("_seconds").removesuffix("_bytes").replace("_", "-")


_LIMITS = {_option(field): _kind(field) for field in LimitOverrides.model_fields}
LIMIT_NAMES = tuple(_LIMITS)
