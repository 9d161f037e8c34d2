"""The other nodes: who there is, whether they live, what they tell of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from urllib.parse import urlsplit

import structlog

from ccx.backoff import Backoff
from ccx.errors import CcxError, NodeNotFound
from ccx.wire import NodeHealth, NodeReport
from ccx_orchestrator.background import background
from ccx_orchestrator.cluster.dispatcher import Dispatcher
from ccx_orchestrator.cluster.known_node import KnownNode, Source, health_of
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.ports.nodes import NodeLink, NodeRevoked

log = structlog.get_logger(__name__)

CALLS_PER_SECOND = 200  # what calling may cost: about a fifth of a core

Resolve = Callable[[str], Awaitable[frozenset[str]]]
OpenLink = Callable[[str, str | None], NodeLink]  # by URL, and by name where that is known before


@dataclass(frozen=True, slots=True)
class Times:
    """How often nodes are called, in seconds, and what is made of silence. `lease` is how long a node believes that
    this one lives; `lost` is when the work of a silent node is given to others; `forgotten` is when a node that
    announced itself, or was found, is no longer called at all. Beyond CALLS_PER_SECOND nodes all of it is longer.
    """

    beat: float = 1.0
    answer: float = 2.0
    longest_pause: float = 5.0
    lost: float = 4.0
    lease: float = 8.0
    forgotten: float = 60.0
    resolve: float = 2.0

    @property
    def pauses(self) -> Backoff:
        """Between calls of a node that does not answer."""
        return Backoff(self.beat, self.longest_pause)


class Roster:
    """Calls every node once a second, and tells the dispatcher what comes of it.

    A node is known by its URL. Two URLs of the same node count once; this node itself does not count.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        open_link: OpenLink,
        links: dict[str, NodeLink],
        own_incarnation: str,
        now: Callable[[], datetime],
        times: Times = Times(),
        default_of: Callable[[str], Limits | None] = lambda _: None,
    ) -> None:
        """`default_of`: what a program of a language may use where its request does not say it."""
        self._dispatcher = dispatcher
        self._open_link = open_link
        self._links = links
        self._own = own_incarnation
        self._default_of = default_of
        self._now = now
        self._times = times
        self._members: dict[str, KnownNode] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._has_failed = asyncio.Event()

    # Who there is

    @asynccontextmanager
    async def at_work(self, named: Iterable[str], dns_names: Iterable[str], resolve: Resolve) -> AsyncIterator[None]:
        """Call these nodes, and those that these names (`host:port`) stand for, for as long as the context lasts."""
        for url in named:
            self._meet(url.rstrip("/"), Source.NAMED)
        for name in dns_names:
            self._start(self._follow_name(name, resolve), f"names of {name}")
        try:
            async with background(self._until_one_fails(), "roster"):
                yield
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            for member in self._members.values():
                await member.link.close()

    def announced(self, name: str, url: str) -> KnownNode:
        """A node says that it is there. Where another was heard at that address, it is called before it is believed."""
        member = self._meet(url, Source.ANNOUNCED, name)
        if member.report is not None and member.report.name != name:
            member.nudge.set()
            return member
        member.name = name
        member.is_leaving = False
        if member.health in {NodeHealth.UNKNOWN, NodeHealth.SILENT}:
            member.nudge.set()
        return member

    def withdrawn(self, name: str) -> KnownNode:
        """A node says that it takes no more: what it has comes to its end. Raises NodeNotFound."""
        member = self.find(name)
        member.is_leaving = True
        member.sources.discard(Source.ANNOUNCED)
        if member.report is not None:
            self._dispatcher.hear(member.url, member.capacity(self._default_of))
        self._set_health(member, NodeHealth.DRAINING)
        return member

    def find(self, name: str) -> KnownNode:
        """The node of that name or URL. Raises NodeNotFound."""
        for member in self._members.values():
            if name in {member.name, member.url}:
                return member
        known = ", ".join(sorted(member.name for member in self._members.values())) or "none"
        raise NodeNotFound(f"This node knows no node {name!r}; it knows: {known}.")

    def members(self) -> tuple[KnownNode, ...]:
        """All that count, by name."""
        counted = (member for member in self._members.values() if not self._is_double(member))
        return tuple(sorted(counted, key=lambda member: (member.name, member.url)))

    def nudge(self, member: KnownNode) -> None:
        """Call a node now: it has changed."""
        member.nudge.set()

    def _meet(self, url: str, source: Source, node_name: str | None = None) -> KnownNode:
        member = self._members.get(url)
        if member is None:
            name = urlsplit(url).netloc or url
            member = KnownNode(url, self._open_link(url, node_name), {source}, name, NodeHealth.UNKNOWN, self._now())
            self._members[url] = member
            member.task = self._start(self._watch(member), f"watching {url}")
        member.sources.add(source)
        return member

    def _start(self, work: Awaitable[None], name: str) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)
        return task

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failure = error
            self._has_failed.set()

    async def _until_one_fails(self) -> None:
        """Nodes come and go, and so do the tasks that watch them: a fault of ours in any one ends them all."""
        await self._has_failed.wait()
        if self._failure is not None:
            raise self._failure

    async def _follow_name(self, name: str, resolve: Resolve) -> None:
        """Keep up with the addresses behind a name. Where it cannot be looked up, those known stay."""
        while True:
            try:
                urls = await resolve(name)
            except OSError as error:
                log.debug("a name was not found", name=name, reason=str(error))
            else:
                for url in urls:
                    self._meet(url, Source.FOUND)
                for member in self._members.values():
                    if Source.FOUND in member.sources and member.url not in urls:
                        member.sources.discard(Source.FOUND)
            await asyncio.sleep(self._times.resolve)

    # Whether they live

    @property
    def _stretch(self) -> float:
        """By how much all times are longer, because there are so many nodes."""
        return max(1.0, len(self._members) * self._times.beat / CALLS_PER_SECOND)

    async def _watch(self, member: KnownNode) -> None:
        try:
            while await self._call(member):
                # One failure may be chance: the pauses grow from the second on.
                pause = self._times.pauses.after(max(1, member.failures - 1)) * self._stretch
                try:
                    async with asyncio.timeout(pause):
                        await member.nudge.wait()
                except TimeoutError:
                    pass
                member.nudge.clear()
        finally:
            self._dispatcher.lose(member.url)

    async def _call(self, member: KnownNode) -> bool:
        """One call and what comes of it; whether there is any use in calling again."""
        try:
            async with asyncio.timeout(self._times.answer):
                report = await member.link.renew(self._times.lease * self._stretch)
        except NodeRevoked as error:
            return await self._revoked(member, str(error))
        except (CcxError, TimeoutError) as error:
            return await self._not_heard(member, str(error) or "no answer in time")
        member.failures = 0
        member.silent_since = None
        self._heard(member, report)
        return True

    def _heard(self, member: KnownNode, report: NodeReport) -> None:
        before = member.report
        if before is not None and before.incarnation != report.incarnation:
            log.info("a node was started anew", node=report.name, url=member.url)
            self._dispatcher.lose(member.url)
        member.report, member.name, member.heard_at = report, report.name, monotonic()
        if self._is_double(member):
            self._links.pop(member.url, None)
            self._dispatcher.lose(member.url)
            return
        self._links[member.url] = member.link
        self._set_health(member, NodeHealth.DRAINING if member.is_leaving else health_of(report))
        self._dispatcher.hear(member.url, member.capacity(self._default_of))

    async def _not_heard(self, member: KnownNode, reason: str) -> bool:
        now = monotonic()
        member.failures += 1
        if member.silent_since is None:
            member.silent_since = member.heard_at if member.heard_at is not None else now
            log.warning("a node does not answer", node=member.name, url=member.url, reason=reason)
        self._dispatcher.unreached(member.url)
        if member.report is not None:
            self._set_health(member, NodeHealth.SILENT)
        if now - member.silent_since >= self._times.lost * self._stretch:
            self._dispatcher.lose(member.url)
        is_forgotten = member.is_leaving or now - member.silent_since >= self._times.forgotten
        return not (is_forgotten and await self._forget(member))

    async def _revoked(self, member: KnownNode, reason: str) -> bool:
        """What it told does not count, and what it ran is run elsewhere. It may join anew."""
        if member.report is not None:
            log.warning("a node is none of the cluster any more", node=member.name, url=member.url, reason=reason)
        member.report = None
        member.failures += 1
        self._set_health(member, NodeHealth.UNKNOWN)
        self._dispatcher.lose(member.url)
        return not await self._forget(member)

    async def _forget(self, member: KnownNode) -> bool:
        """Call it no more, unless settings or a DNS name have it; whether that is so."""
        if member.sources & {Source.NAMED, Source.FOUND}:
            return False
        log.info("a node is gone", node=member.name, url=member.url)
        del self._members[member.url]
        self._links.pop(member.url, None)
        await member.link.close()
        return True

    def _is_double(self, member: KnownNode) -> bool:
        """Whether it is this node itself, or one that is known under another URL already."""
        if member.report is None:
            return False
        incarnation = member.report.incarnation
        if incarnation == self._own:
            return True
        for other in self._members.values():  # in the order in which they came to be known
            if other is member:
                return False
            if other.report is not None and other.report.incarnation == incarnation and other.silent_since is None:
                return True
        return False

    def _set_health(self, member: KnownNode, health: NodeHealth) -> None:
        if health is not member.health:
            log.info("a node changed", node=member.name, url=member.url, health=health.value)
            member.health, member.since = health, self._now()
