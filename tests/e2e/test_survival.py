"""What was accepted ends with exactly one result, whatever happens to the node."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from ccx.client import Client
from ccx.errors import NodeUnreachable, ShuttingDown, UnexpectedAnswer
from ccx.wire import State, Submission, SubmissionRequest, Verdict
from tests.support.node import NodeProcess, StartsNodes, eventually, sandboxes_of, submission
from tests.support.persistence import all_ids

pytestmark = [pytest.mark.docker, pytest.mark.timeout(400)]

JOBS = 300
KILLS = 5
SURVIVAL_SECONDS = 300.0
PAUSE_SECONDS = 0.1
# Any of these may be running at each of the kills.
ATTEMPTS = str(KILLS + 2)


def job(number: int) -> SubmissionRequest:
    return submission("python", f"print({number} ** 2)\n")


@dataclass
class Customer:
    """Hands in jobs and looks for results, whatever happens to the nodes in between; never believes a node that changes
    its mind.
    """

    where: Callable[[], str]
    ids: dict[int, str] = field(default_factory=dict)
    results: dict[int, Submission] = field(default_factory=dict)
    _clients: dict[str, Client] = field(default_factory=dict)

    async def submit_all(self) -> None:
        for number in range(JOBS):
            self.ids[number] = (await self._submit(number)).id

    async def collect_all(self) -> None:
        """Those that have no result yet, again and again; at last all of them once more."""
        while len(self.results) < JOBS:
            for number in [number for number in list(self.ids) if number not in self.results]:
                seen = await self._see(number)
                if seen.state is not State.DONE:
                    break  # they end in about the order they came in
                self.results[number] = seen
            await asyncio.sleep(PAUSE_SECONDS)
        for number, result in self.results.items():
            assert await self._see(number) == result

    async def has(self, count: int) -> bool:
        return len(self.results) >= count

    async def close(self) -> None:
        for client in self._clients.values():
            await client.__aexit__()

    async def _submit(self, number: int) -> Submission:
        return await self._ask(lambda client: client.submit(job(number), wait=False, key=f"job-{number}"))

    async def _see(self, number: int) -> Submission:
        return await self._ask(lambda client: client.submission(self.ids[number]))

    async def _ask(self, call: Callable[[Client], Awaitable[Submission]]) -> Submission:
        while True:
            url = self.where()
            try:
                async with asyncio.timeout(5):
                    return await call(self._clients.setdefault(url, Client(url)))
            except (NodeUnreachable, UnexpectedAnswer, ShuttingDown, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)


def kill(node: NodeProcess) -> None:
    node.process.kill()
    node.process.wait()


def check(customer: Customer) -> None:
    assert len(set(customer.ids.values())) == JOBS
    wrong = [
        one
        for number, one in customer.results.items()
        if (one.verdict, [case.stdout for case in one.cases]) != (Verdict.OK, [f"{number**2}\n"])
    ]
    assert wrong == []
    assert len(customer.results) == JOBS


@pytest.mark.slow
async def test_300_jobs_survive_five_kills_of_the_node(starts_nodes: StartsNodes, node_name: str) -> None:
    chance = random.Random(20)
    start = partial(starts_nodes, node_name, CCX_MAX_ATTEMPTS=ATTEMPTS)
    node = start()
    customer = Customer(lambda: node.url)
    async with asyncio.timeout(SURVIVAL_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(customer.submit_all())
        group.create_task(customer.collect_all())
        for nth in range(1, KILLS + 1):
            await eventually(partial(customer.has, nth * JOBS // (KILLS + 2)), "enough results", SURVIVAL_SECONDS)
            await asyncio.sleep(chance.uniform(0, 0.5))
            kill(node)
            node = await asyncio.to_thread(start)
    await customer.close()
    check(customer)
    assert max(one.attempt for one in customer.results.values()) > 1
    async with node.client() as client:
        assert sorted(await all_ids(client, State.DONE)) == sorted(customer.ids.values())
    await asyncio.to_thread(node.stop)
    assert sandboxes_of(node_name) == []


async def is_caught_at_work(one: NodeProcess, other: NodeProcess) -> bool:
    """Whether the other holds something that cannot end any more, for it is stopped; if not, it goes on."""
    other.process.send_signal(signal.SIGSTOP)
    async with one.client() as client:
        running = (await client.list(state=State.RUNNING)).submissions
        slots = (await client.health()).slots
    if len(running) > slots:
        return True
    other.process.send_signal(signal.SIGCONT)
    return False


@pytest.mark.slow
async def test_300_jobs_survive_the_death_of_one_of_two_masters_on_one_database(
    starts_nodes: StartsNodes, suite: str, database: str
) -> None:
    start = partial(starts_nodes, CCX_DATABASE_URL=database, CCX_LEASE_SECONDS="3", CCX_MAX_ATTEMPTS=ATTEMPTS)
    one, two = start(f"{suite}-one"), start(f"{suite}-two")
    turns = itertools.cycle([one, two])
    customer = Customer(lambda: next(node for node in turns if node.process.poll() is None).url)
    async with asyncio.timeout(SURVIVAL_SECONDS), asyncio.TaskGroup() as group:
        group.create_task(customer.submit_all())
        group.create_task(customer.collect_all())
        await eventually(partial(customer.has, JOBS // 3), "a third of the results", SURVIVAL_SECONDS)
        await eventually(partial(is_caught_at_work, one, two), "the one that is to die is at work", SURVIVAL_SECONDS)
        kill(two)
    await customer.close()
    check(customer)
    assert {one.node for one in customer.results.values()} == {one.name, two.name}
    assert max(one.attempt for one in customer.results.values()) > 1
    again = await asyncio.to_thread(start, two.name)  # clears away after its predecessor
    async with again.client() as client:
        assert sorted(await all_ids(client, State.DONE)) == sorted(customer.ids.values())
    for node in (one, again):
        await asyncio.to_thread(node.stop)
