"""What this node knows of another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from ccx.wire import NodeHealth, NodeReport
from ccx_orchestrator.domain.dispatch import Capacity
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.ports.nodes import NodeLink


class Source(Enum):
    """How a node came to be known: named in the settings, found under a DNS name, or announced by itself."""

    NAMED = auto()
    FOUND = auto()
    ANNOUNCED = auto()


@dataclass(slots=True, eq=False)
class KnownNode:
    """One other node, by its URL. `heard_at` is on the roster's clock, `since` is for people."""

    url: str
    link: NodeLink
    sources: set[Source]
    name: str
    health: NodeHealth
    since: datetime
    report: NodeReport | None = None
    heard_at: float | None = None
    silent_since: float | None = None
    is_leaving: bool = False
    failures: int = 0
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def capacity(self, default_of: Callable[[str], Limits | None]) -> Capacity:
        """What it reported, as the dispatch sees it. `default_of`: what a program of a language may use here where its
        request does not say it; a node that allows less is no place for it.
        """
        report = self.report
        if report is None:
            raise AssertionError("nothing was heard of it")
        # Not checked: its limits are its own.
        highest = {one.name: Limits.model_construct(**one.highest_limits.model_dump()) for one in report.languages}
        return Capacity(
            slots=report.slots,
            foreign=max(0, report.running + report.queued - report.held),
            languages=frozenset(name for name, most in highest.items() if _allows(most, default_of(name))),
            is_open=not report.draining and not self.is_leaving,
            highest=highest,
        )


def _allows(most: Limits, default: Limits | None) -> bool:
    return default is None or default.are_within(most)


def health_of(report: NodeReport) -> NodeHealth:
    """How a node that answers is."""
    if report.draining:
        return NodeHealth.DRAINING
    return NodeHealth.OK if report.engine == "ok" else NodeHealth.DEGRADED
