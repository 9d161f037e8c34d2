"""Nodes as tables for people: what each serves, how full and how well it is, and which submissions are there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ccx.cli.output.harmless import harmless
from ccx.cli.output.submission_table import shown_id
from ccx.wire import NodeHealth, NodeInfo, SubmissionSummary

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_GIB = 2**30
_COLORS = {NodeHealth.OK: "green", NodeHealth.DRAINING: "yellow", NodeHealth.DEGRADED: "red", NodeHealth.SILENT: "red"}
_NUMBERS = ("RUNNING", "QUEUED", "SENT ON", "CPU", "MEMORY", "LOAD")
_OF_WIDE_TERMINALS = {"QUEUED", "SENT ON", "LOAD"}
_WIDE = 80
_MINUTE, _HOUR = 60, 3600


def nodes_table(nodes: tuple[NodeInfo, ...], width: int) -> RenderableType:
    """A line for each node. It fits so many columns, 60 or more, as long as names and languages are short."""
    numbers = [header for header in _NUMBERS if width >= _WIDE or header not in _OF_WIDE_TERMINALS]
    table = _table()
    table.add_column("NODE", no_wrap=True)
    table.add_column("HEALTH", no_wrap=True)
    table.add_column("SERVES", min_width=6)
    for header in numbers:
        table.add_column(header, justify="right", no_wrap=True)
    for node in nodes:
        table.add_row(*_row(node, numbers))
    return table


def submissions_table(nodes: tuple[NodeInfo, ...], running: tuple[SubmissionSummary, ...], most: int) -> RenderableType:
    """Which submission of the node that was asked is on which node, as many as there is room for. `running` has what is
    known of them.
    """
    known = {submission.id: submission for submission in running}
    found = [(submission, node.name) for node in nodes for submission in node.submissions]
    shown = found if len(found) <= most else found[: max(0, most - 1)]
    table = _table()
    for header in ("SUBMISSION", "ON", "LANGUAGE", "AGE", "CLIENT"):
        table.add_column(header, no_wrap=True)
    for submission_id, node in shown:
        told = known.get(submission_id)
        facts = (told.language, _age(told, datetime.now(UTC)), told.client or "") if told else ()
        table.add_row(shown_id(submission_id), harmless(node), *facts)
    if len(shown) < len(found):
        table.add_row(f"and {len(found) - len(shown)} more")
    return table


def _age(submission: SubmissionSummary, now: datetime) -> str:
    """Since when it is there, such as `42s`, `5m` or `3h`."""
    seconds = max(0, int((now - submission.created_at).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds}s"
    return f"{seconds // _MINUTE}m" if seconds < _HOUR else f"{seconds // _HOUR}h"


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


def _row(node: NodeInfo, headers: list[str]) -> tuple[RenderableType, ...]:
    from rich.text import Text

    name, health = Text(harmless(node.name)), Text(node.health.value, style=_COLORS.get(node.health, "dim"))
    report = node.report
    if report is None:
        return (name, health)
    usage = report.usage
    numbers = {
        "RUNNING": f"{report.running}/{report.slots}",
        "QUEUED": str(report.queued),
        "SENT ON": str(report.forwarded),
        "CPU": f"{usage.cpu_percent:.0f}%",
        "MEMORY": f"{usage.memory_bytes / _GIB:.1f}/{usage.memory_total_bytes / _GIB:.0f} GiB",
        "LOAD": f"{usage.load:.2f}",
    }
    serves = Text(harmless(" ".join(language.name for language in report.languages)) or "none")
    return (name, health, serves, *(numbers[header] for header in headers))
