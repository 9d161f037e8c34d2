"""Nodes as tables for people: what each serves, how full and how well it is, and which submissions are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccx.wire import NodeHealth, NodeInfo

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_GIB = 2**30
_COLORS = {NodeHealth.OK: "green", NodeHealth.DRAINING: "yellow", NodeHealth.DEGRADED: "red", NodeHealth.SILENT: "red"}
_NUMBERS = ("RUNNING", "QUEUED", "SENT ON", "CPU", "MEMORY", "LOAD")


def nodes_table(nodes: tuple[NodeInfo, ...]) -> RenderableType:
    """A line for each node. It fits 80 columns as long as names and languages are short."""
    table = _table()
    table.add_column("NODE", no_wrap=True)
    table.add_column("HEALTH", no_wrap=True)
    table.add_column("SERVES")
    for header in _NUMBERS:
        table.add_column(header, justify="right", no_wrap=True)
    for node in nodes:
        table.add_row(*_row(node))
    return table


def submissions_table(nodes: tuple[NodeInfo, ...], most: int) -> RenderableType:
    """Which submission of the node that was asked is on which node, as many as there is room for."""
    found = [(submission, node.name) for node in nodes for submission in node.submissions]
    shown = found if len(found) <= most else found[: max(0, most - 1)]
    table = _table()
    table.add_column("SUBMISSION", no_wrap=True)
    table.add_column("ON", no_wrap=True)
    for row in shown:
        table.add_row(*row)
    if len(shown) < len(found):
        table.add_row(f"and {len(found) - len(shown)} more", "")
    return table


def summary(nodes: tuple[NodeInfo, ...]) -> str:
    """All of them in one line."""
    reports = [node.report for node in nodes if node.report and node.health is not NodeHealth.SILENT]
    running, slots = sum(report.running for report in reports), sum(report.slots for report in reports)
    well = sum(node.health is NodeHealth.OK for node in nodes)
    waiting = sum(report.queued for report in reports)
    return f"{well} of {len(nodes)} nodes ok, {running} of {slots} slots taken, {waiting} waiting"


def _table() -> Table:
    from rich.table import Table

    return Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))


def _row(node: NodeInfo) -> tuple[RenderableType, ...]:
    from rich.text import Text

    name, health = Text(node.name), Text(node.health.value, style=_COLORS.get(node.health, "dim"))
    report = node.report
    if report is None:
        return (name, health)
    usage = report.usage
    return (
        name,
        health,
        Text(" ".join(language.name for language in report.languages) or "none"),
        f"{report.running}/{report.slots}",
        str(report.queued),
        str(report.forwarded),
        f"{usage.cpu_percent:.0f}%",
        f"{usage.memory_bytes / _GIB:.1f}/{usage.memory_total_bytes / _GIB:.0f}G",
        f"{usage.load:.2f}",
    )
