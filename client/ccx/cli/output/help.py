"""Help without the types of Python: `<bool>` and `<list[Path]>` tell a user nothing."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperOption


def leave_types_out() -> None:
    """Have help show the words that we chose for values, and no others. Typer has no switch for it."""
    TyperOption.display_type_rich = _chosen  # type: ignore[assignment,method-assign]
    TyperArgument.display_type_rich = _none  # type: ignore[assignment,method-assign]


def _chosen(option: TyperOption, ctx: Any) -> str | None:  # noqa: ARG001 - as typer has it
    return option.metavar


def _none(argument: TyperArgument, ctx: Any) -> str | None:  # noqa: ARG001 - an argument's word stands before it
    return None
