"""For how long a submission waits for a node that could run it at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ccx_orchestrator.domain.dispatch import Lane


@dataclass(slots=True)
class UnservedLanes:
    """Remembers since when lanes that somebody waits in have been without a node."""

    seconds: float
    _since: dict[Lane, float] = field(default_factory=dict)

    def overdue(self, waiting: Iterable[Lane], serves: Callable[[Lane], bool], now: float) -> tuple[Lane, ...]:
        """Those lanes that have been without a node for longer than patience lasts."""
        unserved = {lane for lane in waiting if not serves(lane)}
        self._since = {lane: self._since.get(lane, now) for lane in unserved}
        return tuple(sorted(lane for lane, since in self._since.items() if now - since >= self.seconds))
