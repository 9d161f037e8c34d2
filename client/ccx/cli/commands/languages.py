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
_HEADERS = ("LANGUAGE", "VERSION", "SUFFIXES", "ALIASES", "CPU", "WALL", "MEMORY")
_OF_WIDE_TERMINALS = {"ALIASES", "WALL", "CPU"}
_WIDE = 120


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
    console = Console(width=None if sys.stdout and sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, markup=False)
    headers = [header for header in _HEADERS if console.width >= _WIDE or header not in _OF_WIDE_TERMINALS]
    for header in headers:
        table.add_column(header, no_wrap=True)
    for language in answer:
        cells = dict(zip(_HEADERS, _row(language), strict=True))
        table.add_row(*(cells[header] for header in headers))
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
