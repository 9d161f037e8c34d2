"""A slave that answers rubbish over a real socket: its submissions run elsewhere, and it is left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ccx.client import LARGEST_LINE_BYTES, LARGEST_REPORT_BYTES
from ccx.wire import NodeHealth, NodeReport, Verdict
from ccx_orchestrator.domain.breaker import PAUSES, TOLERATED
from tests.cluster.babbler import BABBLES, Babbler, babbling
from tests.cluster.test_overflow import HELLO, run
from tests.support.node import DEADLINE_SECONDS, LocalNode, NodeProcess, eventually, local_node

pytestmark = [pytest.mark.docker, pytest.mark.slow]

LIMITS = {"wall_seconds": 30}  # however busy the machine is
MOST_CALLS = 30  # while one program runs
UNREAD_BYTES = 16 * 2**20  # what may lie in sockets and buffers


async def true_report(node: NodeProcess) -> NodeReport:
    async with node.client() as client:
        (me, *_) = await client.nodes()
    assert me.report is not None
    return me.report


async def until_all_answer(master: LocalNode, count: int) -> None:
    async def all_answer() -> bool:
        return [node.health for node in await master.client.nodes()].count(NodeHealth.OK) == 1 + count

    await eventually(all_answer, f"{count} nodes answer")


@asynccontextmanager
async def babbled_at(what: str, honest: NodeProcess, name: str) -> AsyncIterator[tuple[LocalNode, Babbler]]:
    """A master with an honest slave and a babbling one, which it asks first since that has so many slots."""
    told = {"name": "babbler", "incarnation": "babbler", "slots": 50, "running": 0, "queued": 0}
    report = (await true_report(honest)).model_copy(update=told)
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        babbling(BABBLES[what], report) as babbler,
        local_node(name, languages=(), slaves=(babbler.url, honest.url)) as master,
    ):
        await until_all_answer(master, 2)
        yield master, babbler


@pytest.mark.parametrize("what", BABBLES)
async def test_what_a_babbling_slave_was_sent_runs_elsewhere(
    what: str, session_node: NodeProcess, node_name: str
) -> None:
    async with babbled_at(what, session_node, node_name) as (master, babbler):
        ran = await run(master.client, "python", HELLO["python"], limits=LIMITS)
    assert (ran.verdict, ran.cases[0].stdout, ran.node) == (Verdict.OK, "hello\n", session_node.name)
    assert babbler.asked == 1
    assert babbler.told_bytes < LARGEST_LINE_BYTES + UNREAD_BYTES


async def test_a_babbling_slave_is_left_alone(session_node: NodeProcess, node_name: str) -> None:
    nodes = set()
    async with babbled_at("no JSON", session_node, node_name) as (master, babbler):
        while babbler.asked < TOLERATED:
            nodes.add((await run(master.client, "python", HELLO["python"], limits=LIMITS)).node)
        failed_at = time.monotonic()
        while babbler.asked == TOLERATED:
            nodes.add((await run(master.client, "python", HELLO["python"], limits=LIMITS)).node)
        assert time.monotonic() - failed_at > PAUSES.first_seconds / 2  # it was noticed a little after it began
    assert nodes == {session_node.name}


@pytest.mark.parametrize("what", ["no HTTP", "no JSON", "a refusal that never ends", "a line that never ends"])
async def test_a_node_whose_reports_are_rubbish_is_sent_nothing(
    what: str, session_node: NodeProcess, node_name: str
) -> None:
    async with (
        babbling(BABBLES[what], None) as babbler,
        local_node(node_name, languages=(), slaves=(babbler.url, session_node.url)) as master,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        await until_all_answer(master, 1)
        ran = await run(master.client, "python", HELLO["python"])
        told = babbler.told_bytes
        nodes = {node.url: node.health for node in await master.client.nodes()}
    assert (ran.verdict, ran.node, babbler.asked) == (Verdict.OK, session_node.name, 0)
    assert nodes[babbler.url] is NodeHealth.UNKNOWN
    assert told < MOST_CALLS * (LARGEST_REPORT_BYTES + UNREAD_BYTES)
