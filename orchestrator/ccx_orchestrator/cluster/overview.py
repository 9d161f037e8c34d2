"""This node as others see it, and the others as it sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakValueDictionary

from ccx.errors import NodeUnreachable, NotOfTheCluster
from ccx.wire import Announcement, Lease, NodeHealth, NodeInfo, NodeReport, Usage
from ccx_orchestrator.cluster.dispatcher import Dispatcher
from ccx_orchestrator.cluster.feed import Feed, Sees, seen_by
from ccx_orchestrator.cluster.known_node import KnownNode, health_of
from ccx_orchestrator.cluster.leases import Leases
from ccx_orchestrator.cluster.roster import Roster
from ccx_orchestrator.cluster.usage_feed import UsageFeed, readings_of_this
from ccx_orchestrator.domain.addresses import url_of
from ccx_orchestrator.domain.dispatch import HERE, Lane
from ccx_orchestrator.ports.languages import Catalogue
from ccx_orchestrator.ports.nodes import Machine, TrustKeeper
from ccx_orchestrator.submissions.clock import utc_now
from ccx_orchestrator.submissions.service import Submissions


@dataclass(frozen=True, slots=True)
class ThisNode:
    """What identifies this node; another incarnation whenever it is started."""

    name: str
    incarnation: str
    started_at: datetime


class Cluster:
    """What the routes about nodes ask. `languages` are those this node runs itself."""

    def __init__(
        self,
        this: ThisNode,
        submissions: Submissions,
        languages: Catalogue,
        dispatcher: Dispatcher,
        roster: Roster,
        machine: Machine,
        trust_keeper: TrustKeeper | None = None,
    ) -> None:
        """`trust_keeper`: where nodes of the cluster have certificates."""
        self._this = this
        self._trust_keeper = trust_keeper
        self._submissions = submissions
        self._languages = languages
        self._dispatcher = dispatcher
        self._roster = roster
        self._machine = machine
        self._usage = UsageFeed(lambda: readings_of_this(machine))
        self._usages: WeakValueDictionary[str, UsageFeed] = WeakValueDictionary()  # of others, while somebody reads
        self._drained_at: datetime | None = None
        self.feed = Feed(
            this.incarnation, submissions.changes, self.nodes, submissions.owner_here, submissions.other_masters
        )
        self.leases = Leases(submissions.end_all_of)

    def renew(self, master: str, lease: Lease) -> NodeReport:
        """A master lives; what it is told."""
        self.leases.renew(master, lease.seconds)
        if lease.trust is not None and self._trust_keeper is not None:
            self._trust_keeper.accept(lease.trust)
        return self.report(len(self._submissions.held_for(master)))

    def report(self, held: int = 0) -> NodeReport:
        """What this node tells of itself."""
        submissions = self._submissions
        return NodeReport(
            name=self._this.name,
            incarnation=self._this.incarnation,
            started_at=self._this.started_at,
            languages=self._languages.all(),
            slots=submissions.slots,
            running=submissions.running_here,
            queued=submissions.backlog.waiting,
            forwarded=submissions.forwarded,
            held=held,
            draining=not submissions.takes_new,
            engine=str(submissions.engine_error or "ok"),
            usage=self._machine.read(),
            trust=self._trust_keeper.trust.revision if self._trust_keeper else None,
        )

    async def look_at_waiting_for_ever(self) -> None:
        """Once a second, start what waited for a pause to end, and end what waits for a node that does not come."""
        while True:
            await asyncio.sleep(1.0)
            self._dispatcher.look_again()
            waiting = [lane for lane in self._submissions.backlog.lanes() if isinstance(lane, Lane)]
            for lane in self._dispatcher.overdue(waiting):
                await self._submissions.end_waiting(lane, self._dispatcher.explanation(lane))

    def nodes(self) -> tuple[NodeInfo, ...]:
        """All nodes this one knows, itself first."""
        return (self._myself(), *(self._info(member) for member in self._roster.members()))

    def nodes_for(self, sees: Sees) -> tuple[NodeInfo, ...]:
        """The same, without the submissions that somebody does not see."""
        return seen_by(self.nodes(), sees, self._submissions.owner_here)

    def announce(self, name: str, announcement: Announcement, caller: str) -> NodeInfo:
        """A node takes overflow from now on. Raises NotOfTheCluster where it is not reached as nodes here are."""
        url = announcement.url or url_of(caller, announcement.port, is_encrypted=announcement.is_encrypted)
        if self._trust_keeper is not None and not url.startswith("https://"):
            raise NotOfTheCluster(
                f"Nodes of this cluster are reached by https; {url} is not: see its setting 'advertise'."
            )
        return self._info(self._roster.announced(name, url.rstrip("/")))

    def withdraw(self, name: str) -> NodeInfo:
        """A node takes no more. Raises NodeNotFound."""
        return self._info(self._roster.withdrawn(name))

    async def drain(self, name: str, *, on: bool) -> NodeInfo:
        """Have a node finish what it has and take nothing new, or take work again. Raises NodeNotFound, or
        NodeUnreachable where it is not this one and does not answer.
        """
        if name == self._this.name:
            self._submissions.is_draining = on
            self._drained_at = utc_now() if on else None
            return self._myself()
        member = self._roster.find(name)
        answer = await member.link.drain(member.name, on=on)
        self._roster.nudge(member)
        return answer

    def usage(self, name: str) -> AsyncIterator[Usage]:
        """A reading a second of that node's machine. Raises NodeNotFound."""
        if name == self._this.name:
            return self._usage.readings()
        member = self._roster.find(name)
        if member.report is None:
            raise NodeUnreachable(f"{name} has not been reached yet.")
        feed = self._usages.get(member.url)
        if feed is None:
            feed = self._usages[member.url] = UsageFeed(lambda: member.link.usage(member.name))
        return feed.readings()

    def _myself(self) -> NodeInfo:
        report = self.report()
        health = health_of(report)
        since = self._drained_at or self._this.started_at
        submissions = self._dispatcher.at(HERE)
        return NodeInfo(
            name=self._this.name,
            health=health,
            since=since,
            here_from_us=len(submissions),
            report=report,
            submissions=submissions,
        )

    def _info(self, member: KnownNode) -> NodeInfo:
        submissions = self._dispatcher.at(member.url)
        return NodeInfo(
            name=member.name,
            url=member.url,
            health=NodeHealth.SILENT if member.silent_since is not None and member.report else member.health,
            since=member.since,
            here_from_us=len(submissions),
            report=member.report,
            submissions=submissions,
        )
