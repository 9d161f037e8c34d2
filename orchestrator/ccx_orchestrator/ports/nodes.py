"""Other nodes, and the computer this one runs on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from ccx import events as wire
from ccx.errors import CcxError
from ccx.wire import NodeInfo, NodeReport, Submission, Trust, Usage
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.ports.execution import Controls, Emit


class NodeLink(Protocol):
    """The way to another node. `run` is that of an executor there, and raises NodeFull, LanguageLacking or NodeLost
    besides; the others raise a CcxError where the node does not answer as it should.
    """

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        """Run one plan there. Cancelling it ends it there as well. No control is taken before it has started."""

    async def renew(self, seconds: float) -> NodeReport:
        """Say that this node lives, and for how long the other may believe it; what the other tells of itself."""

    async def drain(self, name: str, *, on: bool) -> NodeInfo:
        """Have it finish what it has and take nothing new, or take work again."""

    def usage(self, name: str) -> AsyncGenerator[Usage]:
        """What its machine is doing, a reading a second."""

    async def close(self) -> None:
        """Let go of its connections."""


class Peers(Protocol):
    """The nodes that share this one's store, by their URLs. They answer by what they know themselves, and ask nobody
    else. Both raise NodeLost where no good answer comes.
    """

    async def submission(self, url: str, submission_id: str) -> Submission:
        """A submission as that node sees it. Takes a second or two at the most."""

    def events(self, url: str, submission_id: str, after: str | None) -> AsyncGenerator[wire.Event]:
        """What that node, which has the submission, tells of it after the event of that id, to `Done`."""


class Machine(Protocol):
    """The computer this node runs on."""

    def read(self) -> Usage:
        """What it is doing since the reading before. Never slow."""


class TrustKeeper(Protocol):
    """Knows whose certificates a node accepts."""

    @property
    def trust(self) -> Trust:
        """Those, now."""

    def accept(self, trust: Trust) -> None:
        """A master says whose; what is older than what is known changes nothing."""


class NodeFull(Exception):
    """A node has no room for a submission, whatever it reported."""


class LanguageLacking(Exception):
    """A node has not got the language, whatever it reported."""


class NodeRevoked(CcxError):
    """A node is none of the cluster any more: nothing it says counts, and it is not waited for."""


class NodeLost(Exception):
    """A node, or the way to it, failed before the submission had ended. The text is for the log."""
