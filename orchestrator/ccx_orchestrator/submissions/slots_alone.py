"""A node without others: a place is a slot."""

from __future__ import annotations

from ccx_orchestrator.domain.dispatch import Lane
from ccx_orchestrator.domain.scheduling import Backlog


class SlotsAlone:
    """See `ports.Placement`."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog

    def reserve(self, submission_id: str, lane: Lane) -> bool:  # noqa: ARG002
        """See `ports.Placement`."""
        return self.has_room(lane)

    def has_room(self, lane: Lane) -> bool:  # noqa: ARG002
        """See `ports.Placement`."""
        return self._backlog.running < self._backlog.slots

    def leave(self, submission_id: str) -> None:
        """See `ports.Placement`."""

    def count_elsewhere(self) -> int:
        """See `ports.Placement`."""
        return 0
