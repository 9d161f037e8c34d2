"""The option `--compare tokens,float=1e-6`. Pure."""

from __future__ import annotations

from typing import get_args

from ccx.errors import BadInput
from ccx.wire import Comparison, ComparisonMode

_MODES = get_args(ComparisonMode)
_TOLERANCES = {
    "float": ("float_absolute_tolerance", "float_relative_tolerance"),
    "abs": ("float_absolute_tolerance",),
    "rel": ("float_relative_tolerance",),
}
_WORDS = "exact, trim, tokens, ignore-case, float=1e-6, abs=0.01 or rel=1e-9"


def parse_comparison(text: str | None) -> Comparison:
    """What the words say, with commas between them. Raises BadInput."""
    fields: dict[str, object] = {}
    for word in (text or "").split(",") if text else ():
        name, _, value = word.strip().partition("=")
        if word.strip() in _MODES:
            fields["mode"] = word.strip()
        elif word.strip() == "ignore-case":
            fields["case_sensitive"] = False
        elif name in _TOLERANCES:
            fields |= dict.fromkeys(_TOLERANCES[name], _tolerance(word, value))
        else:
            raise BadInput(f"--compare: {word!r} is not a way to compare; there is {_WORDS}.")
    try:
        return Comparison.model_validate(fields)
    except ValueError as error:
        raise BadInput("--compare: a tolerance goes with tokens alone, not with exact or trim.") from error


def _tolerance(word: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise BadInput(f"--compare: {word!r} has no number; write it like float=1e-6.") from error
