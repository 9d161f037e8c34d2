"""Things are killed, cut and stopped while mixed submissions run: each has its one result, and nothing is left behind.

`CCX_CHAOS_SECONDS=120 CCX_CHAOS_SUBMISSIONS=500 pytest tests/cluster/test_chaos.py` is the long one.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import pytest

from ccx.client import Client
from ccx.wire import Submission, SubmissionRequest, Verdict
from tests.cluster.conftest import StartsSlaves
from tests.cluster.hosts import Host
from tests.cluster.test_overflow import until_it_knows
from tests.support.node import DEADLINE_SECONDS, NodeProcess, StartsNodes, containers_with, eventually, submission
from tests.support.persistence import all_ids, submit_until_answered

SECONDS = float(os.environ.get("CCX_CHAOS_SECONDS", "20"))
SUBMISSIONS = int(os.environ.get("CCX_CHAOS_SUBMISSIONS", "60"))
EVERY_SECONDS = min(10.0, SECONDS / 4)
OUT_OF_ORDER_SECONDS = 6.0
AT_ONCE = 8
SEED = int(os.environ.get("CCX_CHAOS_SEED", "6"))
LIMITS = {"cpu_seconds": 20, "wall_seconds": 30}  # however busy the machine is

Trouble = Callable[[], Awaitable[None]]

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(int(SECONDS) * 4 + 240)]

PROGRAMS = {
    "python": "import time\ntime.sleep(0.3)\nprint({number} ** 2)\n",
    "c": "#include <stdio.h>\n#include <unistd.h>\n"
    'int main(void) {{ usleep(300000); printf("%d\\n", {number} * {number}); }}\n',
}


@dataclass
class Slave:
    """A node on a host, and how it is started again."""

    host: Host
    name: str
    starts: StartsSlaves
    process: NodeProcess

    async def killed(self) -> None:
        self.process.process.kill()
        self.process.process.wait()
        await self.restarted()

    async def stopped(self) -> None:
        await asyncio.to_thread(self.process.stop)
        await self.restarted()

    async def restarted(self) -> None:
        self.process = await asyncio.to_thread(self.starts, self.host, "2", name=self.name)

    async def cut_off(self) -> None:
        self.host.cut()
        await asyncio.sleep(OUT_OF_ORDER_SECONDS)
        self.host.mend()

    async def hung(self) -> None:
        self.process.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(OUT_OF_ORDER_SECONDS)
        self.process.process.send_signal(signal.SIGCONT)

    async def left_without_engine(self) -> None:
        await asyncio.to_thread(self.host.kill_engine)
        await asyncio.sleep(OUT_OF_ORDER_SECONDS / 2)
        await asyncio.to_thread(self.host.start_engine)
        await self.stopped()  # the next of that name removes what this one could not

    def troubles(self) -> list[Trouble]:
        return [self.killed, self.stopped, self.cut_off, self.hung, self.left_without_engine]


@dataclass
class Master:
    """The node that users know. They ask again, with the key of what they asked for, when it dies."""

    starts: Callable[[], NodeProcess]
    process: NodeProcess

    async def killed(self) -> None:
        self.process.process.kill()
        self.process.process.wait()
        self.process = await asyncio.to_thread(self.starts)

    async def submit(self, request: SubmissionRequest, key: str) -> Submission:
        return await submit_until_answered(self._client, request, key)

    def _client(self) -> Client:
        """Of the node that is there now: it may be another one at the next try."""
        return self.process.client()

    async def all_ids(self) -> list[str]:
        """What it has in its store."""
        async with self._client() as client:
            return await all_ids(client)


async def make_trouble(master: Master, slaves: list[Slave]) -> None:
    """Every now and then, to one node after the other, each trouble in turn, as long as it is time. The worst come
    first, so that the short form has them as well.
    """
    begin = asyncio.get_running_loop().time()
    choices = random.Random(SEED)
    troubles = [trouble for slave in slaves for trouble in slave.troubles()] + [master.killed] * 2
    choices.shuffle(troubles)
    for trouble in itertools.chain([slaves[1].left_without_engine, master.killed], itertools.cycle(troubles)):
        if asyncio.get_running_loop().time() - begin > SECONDS:
            return
        await asyncio.gather(trouble(), asyncio.sleep(EVERY_SECONDS))


async def test_chaos_loses_nothing_doubles_nothing_and_leaves_nothing(
    suite: str,
    starts_nodes: StartsNodes,
    starts_slaves: StartsSlaves,
    c_host: Host,
    python_host: Host,
    other_python_host: Host,
) -> None:
    slaves = []
    for host in (c_host, python_host, other_python_host):
        name = f"{suite}-{host.name}"
        slaves.append(Slave(host, name, starts_slaves, starts_slaves(host, "2", name=name)))
    urls = ",".join(slave.host.url for slave in slaves)
    starts = partial(starts_nodes, f"{suite}-chaos", max_tasks=1, languages="c,python", CCX_SLAVES=urls)
    master = Master(starts, starts())
    async with master.process.client() as client:
        await until_it_knows(client, *(slave.process for slave in slaves))
    trouble = asyncio.create_task(make_trouble(master, slaves))
    results = await submit_all(master)
    await trouble
    assert [result.cases[0].stdout for result in results] == [f"{number**2}\n" for number in range(SUBMISSIONS)]
    assert {result.verdict for result in results} == {Verdict.OK}
    assert sorted(await master.all_ids()) == sorted({result.id for result in results})
    assert len({result.id for result in results}) == SUBMISSIONS
    assert len({result.node for result in results}) > 1
    for slave in slaves:
        await nothing_is_left(slave)


async def submit_all(master: Master) -> list[Submission]:
    """All submissions, spread over the time there is; the results in order."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, request: SubmissionRequest) -> Submission:
        await asyncio.sleep(SECONDS * number / SUBMISSIONS)
        async with at_once, asyncio.timeout(DEADLINE_SECONDS * 2):
            return await master.submit(request, key=f"chaos-{number}")

    languages = list(PROGRAMS)
    requests = [
        submission(language, PROGRAMS[language].format(number=number), limits=LIMITS)
        for number in range(SUBMISSIONS)
        for language in [languages[number % len(languages)]]
    ]
    return await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))


async def nothing_is_left(slave: Slave) -> None:
    async def is_empty() -> bool:
        return not await asyncio.to_thread(containers_with, f"ccx.owner={slave.name}", slave.host.engine)

    await eventually(is_empty, f"nothing is left on {slave.name}")
