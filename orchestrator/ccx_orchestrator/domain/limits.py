"""What a case may use, and how a client's wishes meet a language's ceiling."""

from __future__ import annotations

from math import inf
from operator import le
from typing import Annotated

from pydantic import ConfigDict, Field

from ccx import wire
from ccx.errors import InvalidSubmission
from ccx.units import bytes_text
from ccx.wire import LIMIT_NAMES, FieldError, LimitOverrides


class Limits(wire.Limits):
    """What one process tree may use. Output is counted for stdout and stderr apart; memory includes files in the
    sandbox.
    """

    model_config = ConfigDict(extra="forbid")  # a folder's typing error is told

    memory_bytes: Annotated[int, Field(ge=6 * 1024 * 1024)]  # the least Docker accepts

    def numbers(self) -> tuple[float, ...]:
        """All of them, in the order of LIMIT_NAMES; infinity for what is not limited."""
        return tuple(number_of(self, name) for name in LIMIT_NAMES)

    def are_within(self, others: Limits) -> bool:
        """Whether none is above that of the others."""
        return all(map(le, self.numbers(), others.numbers()))

    def changed(self, **others: float | None) -> Limits:
        """The same with other values of some."""
        return self.model_copy(update=others)


def number_of(limits: wire.Limits, name: str) -> float:
    """That limit; infinity where there is none."""
    value: float | None = getattr(limits, name)
    return inf if value is None else value


def choose_limits(asked: LimitOverrides, default: Limits, lowest: dict[str, float], highest: Limits) -> Limits:
    """The limits of a submission: what was asked, else the default.

    Raises InvalidSubmission, naming every field outside of what the language allows. Nothing is clamped: a user who
    asks for more than there is should know.
    """
    chosen = asked.model_dump(exclude_none=True)
    errors = tuple(
        FieldError(field=f"limits.{name}", message=message)
        for name, value in chosen.items()
        if (message := _complaint(name, value, lowest.get(name, 0), number_of(highest, name)))
    )
    if errors:
        raise InvalidSubmission(f"{errors[0].field}: {errors[0].message}.", errors)
    return default.changed(**chosen)


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
