"""A node that nobody shares a store with."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ccx import events as wire
from ccx.wire import Submission
from ccx_orchestrator.ports.nodes import NodeLost


class NoPeers:
    """See `ports.Peers`: nobody answers."""

    async def submission(self, url: str, submission_id: str) -> Submission:  # noqa: ARG002
        """See `ports.Peers`."""
        raise NodeLost("this node asks no other")

    def events(self, url: str, submission_id: str, after: str | None) -> AsyncGenerator[wire.Event]:  # noqa: ARG002
        """See `ports.Peers`."""
        raise NodeLost("this node asks no other")
