"""Who there is and whether they live: the roster over fake links, and the leases of masters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from ccx.errors import NodeNotFound, NodeUnreachable
from ccx.wire import NodeHealth, NodeInfo, NodeReport, Usage
from ccx_orchestrator.cluster.dispatcher import Dispatcher
from ccx_orchestrator.cluster.leases import FIRST_SECONDS, Leases
from ccx_orchestrator.cluster.no_executor import NoExecutor
from ccx_orchestrator.cluster.roster import Roster, Times
from ccx_orchestrator.cluster.usage_feed import UsageFeed, readings_of_this
from ccx_orchestrator.domain.dispatch import Capacity, Dispatch
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.unserved_lanes import UnservedLanes
from ccx_orchestrator.ports.execution import Controls, Emit
from ccx_orchestrator.ports.nodes import NodeLink, NodeRevoked

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USAGE = Usage(at=NOW, cpu_percent=1, memory_bytes=1, memory_total_bytes=2, load=0)
TIMES = Times(beat=0.01, answer=0.05, longest_pause=0.02, lost=0.1, forgotten=0.2, resolve=0.01)
DEADLINE_SECONDS = 5.0


@dataclass
class FakeNode:
    """A `ports.NodeLink` to a node that answers, or does not."""

    name: str
    incarnation: str = "1"
    is_silent: bool = False
    is_revoked: bool = False
    is_closed: bool = False

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        raise NotImplementedError

    async def renew(self, seconds: float) -> NodeReport:
        if self.is_revoked:
            raise NodeRevoked("it was revoked")
        if self.is_silent:
            raise NodeUnreachable("no answer")
        return NodeReport(
            name=self.name,
            incarnation=f"{self.name}-{self.incarnation}",
            started_at=NOW,
            languages=(),
            slots=1,
            running=0,
            queued=0,
            forwarded=0,
            draining=False,
            engine="ok",
            usage=USAGE,
        )

    async def drain(self, name: str, *, on: bool) -> NodeInfo:
        raise NotImplementedError

    def usage(self, name: str) -> AsyncGenerator[Usage]:
        raise NotImplementedError

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class Bench:
    nodes: dict[str, FakeNode]
    links: dict[str, NodeLink] = field(default_factory=dict)
    urls: frozenset[str] = frozenset()

    @asynccontextmanager
    async def at_work(self, *named: str) -> AsyncIterator[Roster]:
        dispatcher = Dispatcher(Dispatch(Capacity(0, 0, frozenset())), NoExecutor(), self.links, UnservedLanes(1))
        roster = Roster(dispatcher, lambda url, _: self.nodes[url], self.links, "me-1", lambda: NOW, TIMES)
        async with roster.at_work(named, ("name:1",), self.resolve):
            yield roster

    async def resolve(self, _: str) -> frozenset[str]:
        return self.urls


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not is_so():  # noqa: ASYNC110  (what it waits for announces nothing)
            await asyncio.sleep(0.001)


def healths(roster: Roster) -> dict[str, NodeHealth]:
    return {member.name: member.health for member in roster.members()}


async def test_a_named_node_is_called_until_it_answers() -> None:
    node = FakeNode("a", is_silent=True)
    bench = Bench({"http://a": node})
    async with bench.at_work("http://a/") as roster:
        await until(lambda: roster.find("http://a").failures > 2)
        assert bench.links == {}
        node.is_silent = False
        await until(lambda: healths(roster) == {"a": NodeHealth.OK})
        assert list(bench.links) == ["http://a"]
        node.is_silent = True
        await until(lambda: healths(roster) == {"a": NodeHealth.SILENT})
    assert node.is_closed


async def test_a_node_that_was_revoked_is_gone_at_once_and_a_named_one_may_come_back() -> None:
    nodes = {"http://a": FakeNode("a"), "http://n": FakeNode("n")}
    bench = Bench(nodes)
    async with bench.at_work("http://n") as roster:
        roster.announced("a", "http://a")
        await until(lambda: set(healths(roster).values()) == {NodeHealth.OK} and len(bench.links) == 2)
        for node in nodes.values():
            node.is_revoked = True
        await until(lambda: healths(roster) == {"n": NodeHealth.UNKNOWN})
        assert [member.report for member in roster.members()] == [None]
        assert nodes["http://a"].is_closed
        nodes["http://n"].is_revoked = False
        await until(lambda: healths(roster) == {"n": NodeHealth.OK})


async def test_an_announced_node_is_forgotten_when_it_has_left_or_been_silent_for_long() -> None:
    bench = Bench({"http://a": FakeNode("a"), "http://b": FakeNode("b")})
    async with bench.at_work() as roster:
        roster.announced("a", "http://a")
        roster.announced("b", "http://b")
        await until(lambda: healths(roster) == {"a": NodeHealth.OK, "b": NodeHealth.OK})
        roster.withdrawn("a")
        assert healths(roster)["a"] is NodeHealth.DRAINING
        for node in bench.nodes.values():
            node.is_silent = True
        await until(lambda: healths(roster) == {})
        with pytest.raises(NodeNotFound):
            roster.find("a")


async def test_a_name_brings_all_nodes_behind_it_and_each_counts_once() -> None:
    me = FakeNode("me")
    bench = Bench({"http://1": FakeNode("a"), "http://2": FakeNode("b"), "http://a": FakeNode("a"), "http://me": me})
    async with bench.at_work("http://a") as roster:
        await until(lambda: healths(roster) == {"a": NodeHealth.OK})
        bench.urls = frozenset({"http://1", "http://2", "http://me"})
        await until(lambda: healths(roster) == {"a": NodeHealth.OK, "b": NodeHealth.OK})
        await until(lambda: sorted(bench.links) == ["http://2", "http://a"])


async def test_a_lease_that_is_not_renewed_ends_once() -> None:
    now, ended = [0.0], []

    async def end(master: str) -> None:
        ended.append(master)

    leases = Leases(end, lambda: now[0])
    leases.note_work("early")
    leases.renew("m", 5.0)
    now[0] = 5.1
    await leases.look()
    await leases.look()
    assert ended == ["m"]
    now[0] = FIRST_SECONDS + 0.1
    await leases.look()
    assert ended == ["m", "early"]


async def test_usage_is_measured_only_while_somebody_reads() -> None:
    class Machine:
        def read(self) -> Usage:
            return USAGE

    feed = UsageFeed(lambda: readings_of_this(Machine()))
    first, second = feed.readings(), feed.readings()
    assert [await anext(first), await anext(second)] == [USAGE, USAGE]
    measured = [feed.is_measuring]
    await first.aclose()
    measured.append(feed.is_measuring)
    await second.aclose()
    assert [*measured, feed.is_measuring] == [True, True, False]


async def test_a_node_that_tells_no_more_ends_all_who_read_and_is_asked_anew_by_the_next() -> None:
    opened = []

    async def readings() -> AsyncGenerator[Usage]:
        opened.append(True)
        for _ in range(5):
            yield USAGE
            await asyncio.sleep(0.01)
        raise NodeUnreachable("gone")

    feed = UsageFeed(readings)
    first, second = feed.readings(), feed.readings()
    assert [await anext(first), await anext(second)] == [USAGE, USAGE]
    for reader in (first, second):
        with pytest.raises(NodeUnreachable, match="gone"):
            [_ async for _ in reader]
    again = feed.readings()
    assert await anext(again) == USAGE
    await again.aclose()
    assert (len(opened), feed.is_measuring) == (2, False)
