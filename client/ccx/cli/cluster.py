"""`ccx nodes` and `ccx top`: the nodes of a cluster, what they do, and how to take one out of service."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter

from ccx.cli.server import ServerOption
from ccx.cli.standard_streams import write
from ccx.client import DEFAULT_SERVER, Client
from ccx.errors import CcxError
from ccx.wire import TOKEN_HEADER, NodeHealth, NodeInfo

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESH_SECONDS = 1.0
POLL_SECONDS = 0.5

_WIDTH_WITHOUT_TERMINAL = 160
_GIB = 2**30
_SHOWN_IDS = 4
_SHOWN_ID_LETTERS = 8
_COLORS = {NodeHealth.OK: "green", NodeHealth.DRAINING: "yellow", NodeHealth.DEGRADED: "red", NodeHealth.SILENT: "red"}

TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="CCX_CLUSTER_TOKEN", metavar="TOKEN", help="The cluster's, where it has one."),
]

nodes = typer.Typer(help="The nodes of a cluster.")


@nodes.callback(invoke_without_command=True)
def list_nodes(
    context: typer.Context,
    server: ServerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the node's answer as JSON.")] = False,
) -> None:
    """List the nodes that a node knows, itself first: what they serve, how full they are, how they are."""
    if context.invoked_subcommand is not None:
        return
    answer = asyncio.run(_nodes(server))
    if json:
        write(sys.stdout, TypeAdapter(tuple[NodeInfo, ...]).dump_json(answer, indent=2) + b"\n")
    else:
        write(sys.stdout, _printed(_table(answer)).encode())


@nodes.command("drain")
def drain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node, by its name or its URL.")],
    off: Annotated[bool, typer.Option("--off", help="Have it take work again.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it has nothing left to do.")] = True,
    token: TokenOption = None,
    server: ServerOption = None,
) -> None:
    """Have a node finish what it has and take nothing new."""
    asyncio.run(_drain(name, server, token, on=not off, wait=wait and not off))


def top(server: ServerOption = None) -> None:
    """Watch the nodes of a cluster: what their machines do, and which submission runs where. Ctrl-C ends it."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(server))


async def _nodes(server: str | None) -> tuple[NodeInfo, ...]:
    async with Client(server or DEFAULT_SERVER) as client:
        return await client.nodes()


async def _drain(name: str, server: str | None, token: str | None, *, on: bool, wait: bool) -> None:
    async with Client(server or DEFAULT_SERVER, headers={TOKEN_HEADER: token} if token else None) as client:
        await client.drain(name, on=on)
        is_busy = wait
        while is_busy:
            await asyncio.sleep(POLL_SECONDS)
            is_busy = not _is_idle(await client.nodes(), name)
    state = "takes work again" if not on else "has nothing left to do" if wait else "takes nothing new"
    write(sys.stdout, f"{name} {state}\n".encode())


def _is_idle(nodes: tuple[NodeInfo, ...], name: str) -> bool:
    """Whether that node has nothing to do; one that has left has nothing."""
    found = [node for node in nodes if name in {node.name, node.url}]
    reports = [node.report for node in found if node.report and node.health is not NodeHealth.SILENT]
    return all(report.draining and report.running + report.queued == 0 for report in reports)


async def _watch(server: str | None) -> None:
    from rich.live import Live

    async with Client(server or DEFAULT_SERVER) as client:
        with Live(_table(await client.nodes()), auto_refresh=False, screen=sys.stdout.isatty()) as live:
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                try:
                    live.update(_table(await client.nodes()), refresh=True)
                except CcxError as error:
                    live.update(str(error), refresh=True)


def _table(nodes: tuple[NodeInfo, ...]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    headers = ("NODE", "HEALTH", "LANGUAGES", "RUNNING", "QUEUED", "FORWARDED", "CPU", "MEMORY", "LOAD", "FROM HERE")
    for header in headers:
        table.add_column(header)
    for node in nodes:
        table.add_row(*_row(node))
    return table


def _row(node: NodeInfo) -> tuple[RenderableType, ...]:
    from rich.text import Text

    health = Text(node.health.value, style=_COLORS.get(node.health, "dim"))
    ids = " ".join(submission[:_SHOWN_ID_LETTERS] for submission in node.submissions[:_SHOWN_IDS])
    more = f" +{len(node.submissions) - _SHOWN_IDS}" if len(node.submissions) > _SHOWN_IDS else ""
    report = node.report
    if report is None:
        return (Text(node.name), health, *("" for _ in range(7)), Text(ids + more))
    usage = report.usage
    return (
        Text(node.name),
        health,
        " ".join(language.name for language in report.languages) or "none",
        f"{report.running}/{report.slots}",
        str(report.queued),
        str(report.forwarded),
        f"{usage.cpu_percent:.0f} %",
        f"{usage.memory_bytes / _GIB:.1f}/{usage.memory_total_bytes / _GIB:.1f} GiB",
        f"{usage.load:.2f}",
        Text(ids + more),
    )


def _printed(what: RenderableType) -> str:
    from rich.console import Console

    console = Console(width=None if sys.stdout and sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, markup=False)
    with console.capture() as capture:
        console.print(what)
    return capture.get()
