"""`ccx languages`: what a node serves."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter

from ccx.cli.options.server import ServerOption, open_client
from ccx.cli.standard_streams import write
from ccx.wire import LanguageInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH_WITHOUT_TERMINAL = 160
_MIB = 2**20


def languages(
    server: ServerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the node's answer as JSON.")] = False,
) -> None:
    """List the languages of a node, with their default and highest limits."""
    answer = asyncio.run(_ask(server))
    write(sys.stdout, (_json(answer) if json else _table(answer)).encode())


async def _ask(server: str | None) -> tuple[LanguageInfo, ...]:
    async with open_client(server) as client:
        return await client.languages()


def _json(answer: tuple[LanguageInfo, ...]) -> str:
    return TypeAdapter(tuple[LanguageInfo, ...]).dump_json(answer, indent=2).decode() + "\n"


def _table(answer: Sequence[LanguageInfo]) -> str:
    # Imported where it is used: `ccx run` starts quicker without it.
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for header in ("LANGUAGE", "VERSION", "SUFFIXES", "ALIASES", "CPU", "WALL", "MEMORY"):
        table.add_column(header)
    for language in answer:
        table.add_row(*_row(language))
    console = Console(width=None if sys.stdout and sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, markup=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def _row(language: LanguageInfo) -> tuple[str, ...]:
    default, highest = language.default_limits, language.highest_limits
    return (
        language.name,
        language.version,
        " ".join(language.suffixes),
        " ".join(language.aliases),
        f"{default.cpu_seconds:g} s (most {highest.cpu_seconds:g})",
        f"{default.wall_seconds:g} s (most {highest.wall_seconds:g})",
        f"{default.memory_bytes // _MIB} MiB (most {highest.memory_bytes // _MIB})",
    )
