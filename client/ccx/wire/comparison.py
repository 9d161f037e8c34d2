"""How output is compared with what was expected."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ccx.wire.basics import Request

ComparisonMode = Literal["exact", "trim", "tokens"]
Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Comparison(Request):
    """When output is right. A number is right where it is within either of the tolerances that are given."""

    mode: ComparisonMode | None = Field(
        default=None,
        description="`exact`: byte by byte. `trim`: without white space at the ends of lines and of the whole. "
        "`tokens`: word by word, whatever white space is between. Left out: `tokens` with a tolerance, else `trim`.",
    )
    case_sensitive: bool = Field(default=True, description="Whether A and a differ.")
    float_absolute_tolerance: Tolerance | None = Field(
        default=None, description="How far a number may be from the expected one."
    )
    float_relative_tolerance: Tolerance | None = Field(
        default=None, description="The same as a share of the expected number."
    )

    @model_validator(mode="after")
    def _tolerance_is_for_tokens(self) -> Self:
        if self.has_tolerance and self.mode not in {None, "tokens"}:
            raise ValueError(f"a tolerance needs the mode tokens, not {self.mode}")
        return self

    @property
    def has_tolerance(self) -> bool:
        """Whether numbers are compared as numbers."""
        return self.float_absolute_tolerance is not None or self.float_relative_tolerance is not None

    @property
    def effective_mode(self) -> ComparisonMode:
        """The mode, also where none was named."""
        return self.mode or ("tokens" if self.has_tolerance else "trim")
