"""The six limits of a case, and how a client's wishes meet a language's ceiling."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import le
from typing import Annotated

from pydantic import Field

from ccx.errors import InvalidSubmission
from ccx.units import bytes_text
from ccx.wire import FieldError, LimitOverrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one process tree may use. Output is counted for stdout and stderr apart; memory includes files in the
    sandbox.
    """

    cpu_seconds: Annotated[float, Field(gt=0)]
    wall_seconds: Annotated[float, Field(gt=0)]
    memory_bytes: Annotated[int, Field(ge=6 * 1024 * 1024)]  # the least Docker accepts
    processes: Annotated[int, Field(gt=0)]
    output_bytes: Annotated[int, Field(gt=0)]
    file_bytes: Annotated[int, Field(gt=0)]

    def numbers(self) -> tuple[float, ...]:
        """All of them, in the order of LIMIT_NAMES."""
        return tuple(getattr(self, name) for name in LIMIT_NAMES)

    def are_within(self, others: Limits) -> bool:
        """Whether none is above that of the others."""
        return all(map(le, self.numbers(), others.numbers()))


LIMIT_NAMES = tuple(field.name for field in fields(Limits))


def choose_limits(asked: LimitOverrides, default: Limits, lowest: dict[str, float], highest: Limits) -> Limits:
    """The limits of a submission: what was asked, else the default.

    Raises InvalidSubmission, naming every field outside of what the language allows. Nothing is clamped: a user who
    asks for more
    than there is should know.
    """
    chosen = {name: value for name in LIMIT_NAMES if (value := getattr(asked, name)) is not None}
    errors = tuple(
        FieldError(field=f"limits.{name}", message=message)
        for name, value in chosen.items()
        if (message := _complaint(name, value, lowest.get(name, 0), getattr(highest, name)))
    )
    if errors:
        raise InvalidSubmission(f"{errors[0].field}: {errors[0].message}.", errors)
    return Limits(**{name: chosen.get(name, getattr(default, name)) for name in LIMIT_NAMES})


def _complaint(name: str, value: float, lowest: float, highest: float) -> str | None:
    if value > highest:
        return f"must be at most {_number(name, highest)}"
    if value < lowest:
        return f"must be at least {_number(name, lowest)}"
    return None


def _number(name: str, value: float) -> str:
    """The number as a request has it; with bytes, beside it in a unit that people use."""
    number = f"{value:.15g}"
    return f"{number} ({bytes_text(value)})" if name.endswith("_bytes") else number
