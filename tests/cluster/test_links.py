"""Nodes over links that are slow, lose connections, or carry nothing any more without saying so."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from itertools import count

import pytest

from ccx import client as sdk
from ccx.client import Client
from ccx.events import Started
from ccx.wire import NodeHealth, Verdict
from tests.cluster.bad_link import GOOD, Fate, bad_link
from tests.cluster.test_overflow import run
from tests.support.node import DEADLINE_SECONDS, StartsNodes, eventually, local_node, submission

pytestmark = [pytest.mark.docker, pytest.mark.slow]

# Nothing of a program depends on how busy the machine is.
LIMITS = {"cpu_seconds": 20, "wall_seconds": 30}
PROGRAM = "print({number} ** 2)\nprint('x' * 2000)\n"
SLOW = Fate(delay_seconds=0.15, bytes_per_second=50_000)


async def until_reached(client: Client, count: int) -> None:
    async def are_reached() -> bool:
        return [node.health for node in await client.nodes()].count(NodeHealth.OK) == 1 + count

    await eventually(are_reached, f"{count} slaves are reached")


async def tries_at(client: Client, submission_id: str) -> int:
    """How often a submission was begun anew, the first time included."""
    return max([event.attempt async for event in client.events(submission_id) if isinstance(event, Started)])


async def test_a_slow_link_makes_results_late_and_nothing_else(starts_nodes: StartsNodes, node_name: str) -> None:
    slave = starts_nodes(max_tasks=2, languages="python")
    async with (
        bad_link(slave.url, lambda _: SLOW) as link,
        local_node(node_name, languages=(), slaves=(link.url,)) as master,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        await until_reached(master.client, 1)
        ran = await asyncio.gather(
            *(run(master.client, "python", PROGRAM.format(number=number), limits=LIMITS) for number in range(4))
        )
        tries = [await tries_at(master.client, one.id) for one in ran]
    assert [one.cases[0].stdout for one in ran] == [f"{number**2}\n{'x' * 2000}\n" for number in range(4)]
    assert {(one.verdict, one.node) for one in ran} == {(Verdict.OK, slave.name)}
    assert tries == [1] * 4


def losing(seed: int) -> Callable[[bytes], Fate]:
    """Every fourth submission loses its connection somewhere in the answer, and every fourth report."""
    choices = random.Random(seed)
    asked = {True: count(1), False: count(1)}

    def fate_of(request: bytes) -> Fate:
        is_submission = request.startswith(b"POST /v1/submissions")
        number = next(asked[is_submission])
        after = choices.choice([0, 400, 1000, 1500])
        return Fate(breaks_after=after) if number % 4 == 2 else GOOD

    return fate_of


async def test_a_link_that_loses_connections_loses_no_submission(starts_nodes: StartsNodes, node_name: str) -> None:
    slaves = [starts_nodes(max_tasks=2, languages="python") for _ in range(2)]
    async with (
        bad_link(slaves[0].url, losing(1)) as link,
        bad_link(slaves[1].url, losing(2)) as other,
        local_node(node_name, languages=(), slaves=(link.url, other.url)) as master,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        await until_reached(master.client, 2)
        accepted = [
            await master.client.submit(submission("python", PROGRAM.format(number=number), limits=LIMITS), wait=False)
            for number in range(12)
        ]
        ran = [await master.client.wait(one.id) for one in accepted]
        tries = [await tries_at(master.client, one.id) for one in ran]
    assert link.broken + other.broken > 1
    assert [one.cases[0].stdout for one in ran] == [f"{number**2}\n{'x' * 2000}\n" for number in range(12)]
    assert {one.verdict for one in ran} == {Verdict.OK}
    assert max(tries) > 1


async def test_a_submission_whose_connection_carries_nothing_any_more_runs_elsewhere(
    starts_nodes: StartsNodes, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "SILENCE_SECONDS", 2.0)
    slave = starts_nodes(max_tasks=2, languages="python")
    fates = iter([Fate(stalls_after=900)])  # after the head of the answer, and some events

    def only_the_first_submission(request: bytes) -> Fate:  # reports go on: the node seems to be well
        return next(fates, GOOD) if request.startswith(b"POST /v1/submissions") else GOOD

    async with (
        bad_link(slave.url, only_the_first_submission) as link,
        local_node(node_name, languages=(), slaves=(link.url,)) as master,
        asyncio.timeout(DEADLINE_SECONDS),
    ):
        await until_reached(master.client, 1)
        ran = await run(master.client, "python", PROGRAM.format(number=3), limits=LIMITS)
        tries = await tries_at(master.client, ran.id)
    assert link.stalled == 1
    assert (ran.verdict, ran.cases[0].stdout, tries) == (Verdict.OK, f"9\n{'x' * 2000}\n", 2)
