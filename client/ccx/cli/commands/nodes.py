"""`ccx nodes` and `ccx top`: the nodes of a cluster, what they do, and how to take one out of service."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import TypeAdapter

from ccx.cli.commands.cluster import revoke as revoke_node
from ccx.cli.commands.token import NodeOption, ServerOption
from ccx.cli.options.server import NodesServerOption, client_of
from ccx.cli.output.keys import when_pressed
from ccx.cli.output.node_table import nodes_table, submissions_table, summary
from ccx.cli.standard_streams import write
from ccx.errors import CcxError
from ccx.feed import Gap, NodesChanged, SubmissionChanged
from ccx.node_address import DEFAULT_SERVER
from ccx.wire import MAX_PAGE, NodeHealth, NodeInfo, State, SubmissionSummary

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ccx.client import Client

REFRESH_SECONDS = 1.0
POLL_SECONDS = 0.5

_WIDTH_WITHOUT_TERMINAL = 160

nodes = typer.Typer(help="The nodes of a cluster.")


@nodes.callback(invoke_without_command=True)
def list_nodes(
    context: typer.Context,
    server: NodesServerOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print the node's answer as JSON.")] = False,
) -> None:
    """List the nodes that a node knows, itself first: what they serve, how full they are, how they are."""
    if context.invoked_subcommand is not None:
        return
    answer = asyncio.run(_nodes(server))
    if json:
        write(sys.stdout, TypeAdapter(tuple[NodeInfo, ...]).dump_json(answer, indent=2) + b"\n")
    else:
        write(sys.stdout, _printed(answer).encode())


@nodes.command("drain")
def drain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node, by its name or its URL.")],
    off: Annotated[bool, typer.Option("--off", help="Have it take work again.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it has nothing left to do.")] = True,
    server: NodesServerOption = None,
) -> None:
    """Have a node finish what it has and take nothing new."""
    asyncio.run(_drain(name, server, on=not off, wait=wait and not off))


@nodes.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The node, by its name.")],
    node: NodeOption = None,
    server: ServerOption = None,
) -> None:
    """Have a node be none of the cluster any more: its certificate is refused, within seconds everywhere."""
    asyncio.run(revoke_node(server, node, name))
    write(sys.stdout, f"{name} is revoked\n".encode())


def top(server: NodesServerOption = None) -> None:
    """Watch the nodes of a cluster: what their machines do, and which submission runs where. `q` or Ctrl-C ends it."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(server))


async def _nodes(server: str | None) -> tuple[NodeInfo, ...]:
    async with client_of(server or DEFAULT_SERVER) as client:
        return await client.nodes()


async def _drain(name: str, server: str | None, *, on: bool, wait: bool) -> None:
    async with client_of(server or DEFAULT_SERVER) as client:
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
    from rich.console import Console
    from rich.live import Live

    console = Console()
    has_left = asyncio.Event()
    view = _View(server or DEFAULT_SERVER)
    async with client_of(view.server) as client:
        await view.learn(client)
        following = asyncio.create_task(view.follow(client), name="feed")
        with (
            Live(view.drawn(console), console=console, auto_refresh=False, screen=sys.stdout.isatty()) as live,
            when_pressed("q", has_left.set),
        ):
            while not await _within(REFRESH_SECONDS, has_left):
                live.update(view.drawn(console), refresh=True)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for the event, but only so long; whether it came."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


class _View:
    """What fills the terminal: the nodes as the feed told last, and what is known of the submissions that run."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._nodes: tuple[NodeInfo, ...] = ()
        self._running: dict[str, SubmissionSummary] = {}
        self._trouble = ""

    async def learn(self, client: Client) -> None:
        """Ask for all of it. Raises CcxError."""
        self._nodes = await client.nodes()
        page = await client.list(state=State.RUNNING, limit=MAX_PAGE)
        self._running = {line.id: line for line in page.submissions}
        self._trouble = ""

    async def follow(self, client: Client) -> None:
        """Keep it as the node tells, and learn it anew after the node was silent; until cancelled."""
        while True:
            try:
                async with aclosing(client.watch()) as events:
                    async for event in events:
                        if isinstance(event, Gap):
                            await self.learn(client)
                        else:
                            self._take(event)
            except CcxError as error:
                self._trouble = str(error)
            await asyncio.sleep(REFRESH_SECONDS)
            with suppress(CcxError):
                await self.learn(client)

    def _take(self, event: NodesChanged | SubmissionChanged) -> None:
        if isinstance(event, NodesChanged):
            self._nodes = event.nodes
        elif event.submission.state is State.DONE:
            self._running.pop(event.submission.id, None)
        else:
            self._running[event.submission.id] = event.submission

    def drawn(self, console: Console) -> RenderableType:
        """As it is now."""
        from rich.console import Group
        from rich.text import Text

        if self._trouble:
            return Text(self._trouble)
        headers_and_gaps = 6
        most = max(1, console.height - headers_and_gaps - len(self._nodes))
        head = Text(f"{self.server}: {summary(self._nodes)}")
        has_any = any(node.submissions for node in self._nodes)
        below = ("", submissions_table(self._nodes, tuple(self._running.values()), most)) if has_any else ()
        return Group(head, "", nodes_table(self._nodes, console.width), *below)


def _printed(nodes: tuple[NodeInfo, ...]) -> str:
    from rich.console import Console

    console = Console(width=None if sys.stdout and sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, markup=False)
    with console.capture() as capture:
        console.print(nodes_table(nodes, console.width))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
