"""make soak-cluster: mixed submissions for hours over a master, its PostgreSQL and two slaves, with faults all the time.

    cluster_soak.py [--minutes 120] [--at-once 8] [--hostile 5] [--write]

One connection in `BROKEN` breaks, of clients to the master and of the master to its slaves. After a third of the time
the engine of a slave is killed and started again, after two thirds the master's. Exit status 1 where an answer is wrong,
missing or there twice, a container is left, or a node has grown since the first look. With `--write` the figures go
into docs/security.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.footprint import Footprint
from bench.soak import LARGEST, Planned, Soak, endless, judge, write_into_document
from ccx.client import Client
from ccx.errors import CcxError
from tests.cluster.bad_link import GOOD, BadLink, Fate, bad_link
from tests.cluster.hosts import Host, docker_host, saved_images
from tests.cluster.test_overflow import until_it_knows
from tests.support.node import NodeProcess, eventually
from tests.support.persistence import all_ids, submit_until_answered
from tests.support.postgres import fresh_database, postgres_server

LANGUAGES = ("c", "java", "python")
BROKEN = 20
MOST_BYTES = 3_000  # of an answer, before its connection breaks
FIRST_LOOK_SHARE, FIRST_LOOK_SECONDS = 0.2, 600.0
WITHOUT_ENGINE_SECONDS = 5.0
# The janitor comes once a minute, and what is allocated while there is work goes back by and by.
QUIET_SECONDS = 90.0
ANSWER_SECONDS = 300.0
ENVIRONMENT = {
    "CCX_LOG_LEVEL": "warning",
    "CCX_POOL": "true",
    "CCX_POOL_MINIMUM": "1",
    "CCX_POOL_MAXIMUM": "1",
    "CCX_MAX_BODY_BYTES": "150000000",
}


@dataclass
class Member:
    """A node, where it is reached, and the host that its engine is on."""

    node: NodeProcess
    url: str
    host: Host
    looks: list[Footprint] = field(default_factory=list)

    async def lose_engine(self) -> None:
        """It is killed with all that it looks after, and comes back."""
        await asyncio.to_thread(self.host.kill_engine)
        await asyncio.sleep(WITHOUT_ENGINE_SECONDS)
        await asyncio.to_thread(self.host.start_engine)

    async def has_only_kept(self) -> bool:
        """Whether there are no containers but those that its pool keeps ready."""
        async with Client(self.url) as client:
            health = await client.health()
        found = await asyncio.to_thread(Footprint.of_node, self.node)
        return health.status == "ok" and found.containers == sum(shelf.idle for shelf in health.pool)


@dataclass
class Cluster:
    """Its nodes, the master first, and the links that its clients and itself use."""

    members: list[Member]
    url: str
    links: list[BadLink]

    async def ids(self) -> list[str]:
        """Of all that the master has."""
        async with Client(self.members[0].url) as client:
            return await all_ids(client)


class Load:
    """Keeps so many submissions on their way, as long as it is let."""

    def __init__(self, cluster: Cluster, soak: Soak, at_once: int) -> None:
        self._cluster, self._soak, self._at_once = cluster, soak, at_once
        self._planned = (one for one in endless(soak.hostile) if one[0] != LARGEST)
        self.ids: Counter[str] = Counter()
        self.nodes: Counter[str] = Counter()

    async def keep_up(self, seconds: float) -> None:
        """For so long, and until the last is answered."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(self._at_once):
                group.create_task(self._work(end))

    async def _work(self, end: float) -> None:
        while time.monotonic() < end:
            await self._one(next(self._planned))

    async def _one(self, planned: Planned) -> None:
        name, request, attack = planned
        number = self._soak.submissions
        self._soak.submissions += 1
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result = await submit_until_answered(lambda: Client(self._cluster.url), request, f"soak-{number}")
        except (CcxError, TimeoutError) as error:
            self._soak.wrong.append(f"{name}: not answered: {error!r}")
            return
        self.ids[result.id] += 1
        self.nodes[result.node or ""] += 1
        self._soak.note(name, result, judge(name, result, attack))
        if self._soak.verdicts.total() % 100 == 0:
            sys.stderr.write(f"soak: {self._soak.verdicts.total()} answered, {len(self._soak.wrong)} wrong\n")


async def look(cluster: Cluster) -> list[str]:
    """Wait until there is nothing to do, and note what every node has. The nodes that have more containers than those
    they keep ready.
    """
    await asyncio.sleep(QUIET_SECONDS)
    left = []
    for member in cluster.members:
        try:
            await eventually(member.has_only_kept, "no more containers than are kept ready", QUIET_SECONDS)
        except TimeoutError as error:
            left.append(f"{member.node.name}: {error}")
        member.looks.append(await asyncio.to_thread(Footprint.of_node, member.node))
    return left


@contextmanager
def _hosts() -> Iterator[tuple[list[Host], str, Path]]:
    with (
        tempfile.TemporaryDirectory(prefix="ccx-soak-") as folder,
        saved_images(LANGUAGES) as files,
        postgres_server() as server,
        fresh_database(server) as database,
        ExitStack() as stack,
    ):
        yield [stack.enter_context(docker_host(files.values())) for _ in range(3)], database, Path(folder)


@asynccontextmanager
async def _cluster(hosts: list[Host], database: str, folder: Path) -> AsyncIterator[Cluster]:
    order = random.Random(1)  # noqa: S311  (nothing secret)

    def fate(_: bytes) -> Fate:
        return Fate(breaks_after=order.randrange(MOST_BYTES)) if order.randrange(BROKEN) == 0 else GOOD

    async with AsyncExitStack() as stack:
        slaves, links = [], []
        for number, host in enumerate(hosts[1:], 1):
            starting = host.node(f"soak-slave-{number}", folder, "1", **ENVIRONMENT)
            slaves.append(Member(stack.enter_context(starting), host.url, host))
            links.append(await stack.enter_async_context(bad_link(host.url, fate)))
        urls = ",".join(link.url for link in links)
        more = {"DOCKER_HOST": hosts[0].engine, "CCX_SLAVES": urls, "CCX_DATABASE_URL": database}
        master = stack.enter_context(NodeProcess("soak-master", folder, "1", **ENVIRONMENT | more))
        async with master.client() as client:
            await until_it_knows(client, *(slave.node for slave in slaves))
        links.append(await stack.enter_async_context(bad_link(master.url, fate)))
        yield Cluster([Member(master, master.url, hosts[0]), *slaves], links[-1].url, links)


async def _go_through(cluster: Cluster, load: Load, seconds: float) -> list[str]:
    """The whole of it; what is left at its end, a sentence each."""
    first = min(FIRST_LOOK_SECONDS, seconds * FIRST_LOOK_SHARE)
    await load.keep_up(first)
    await look(cluster)

    async def lose_engines() -> None:
        for member in (cluster.members[1], cluster.members[0]):
            await asyncio.sleep((seconds - first) / 3)
            await member.lose_engine()

    await asyncio.gather(load.keep_up(seconds - first), lose_engines())
    return await look(cluster)


def complaints(load: Load, soak: Soak, stored: list[str], left: list[str]) -> list[str]:
    """What is wrong with the answers, and what is left, a sentence each."""
    found = [f"wrong: {complaint}" for complaint in soak.wrong] + left
    if twice := [name for name, count in load.ids.items() if count > 1]:
        found.append(f"{len(twice)} answers came to more than one submission")
    if sorted(stored) != sorted(load.ids):
        found.append(f"the master has {len(stored)} submissions, {len(load.ids)} were answered")
    return found


def growths(cluster: Cluster) -> list[str]:
    """What every node has more of than at the first look, a sentence each."""
    return [
        f"{member.node.name}: {growth}"
        for member in cluster.members
        for growth in member.looks[0].growth(member.looks[-1])
    ]


def report(cluster: Cluster, load: Load, soak: Soak, minutes: float, wrong: list[str]) -> str:
    """The figures as a table."""
    rows = [
        ("submissions", f"{soak.submissions} in {minutes:g} minutes, one in {soak.hostile} hostile"),
        ("run by", ", ".join(f"{node} {count}" for node, count in sorted(load.nodes.items()))),
        ("wrong, missing, there twice or left", f"{len(wrong)}"),
        ("verdicts", ", ".join(f"{verdict} {count}" for verdict, count in soak.verdicts.most_common())),
        ("connections broken", f"{sum(link.broken for link in cluster.links)}"),
        ("engines killed", "a slave's, the master's"),
    ]
    for member in cluster.members:
        before, after = member.looks[0], member.looks[-1]
        memory = f"{before.memory_bytes >> 20} → {after.memory_bytes >> 20} MiB"
        counts = f"{before.descriptors} → {after.descriptors} descriptors, {before.threads} → {after.threads} threads"
        rows.append((member.node.name, f"{memory}, {counts}, {before.containers} → {after.containers} containers"))
    when = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors"
    lines = [f"| {when} | before → after |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in rows)]
    return "\n".join(lines) + "\n"


async def run(arguments: argparse.Namespace, hosts: list[Host], database: str, folder: Path) -> int:
    soak = Soak(0, arguments.hostile)
    async with _cluster(hosts, database, folder) as cluster:
        load = Load(cluster, soak, arguments.at_once)
        left = await _go_through(cluster, load, arguments.minutes * 60)
        wrong = complaints(load, soak, await cluster.ids(), left)
        table = report(cluster, load, soak, arguments.minutes, wrong)
    sys.stdout.write(table)
    wrong += growths(cluster)
    for complaint in wrong:
        sys.stdout.write(f"soak: {complaint}\n")
    if arguments.write:
        write_into_document(table, "cluster soak")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--hostile", type=int, default=5, help="one in so many is an attack")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/security.md")
    arguments = parser.parse_args()
    with _hosts() as (hosts, database, folder):
        return asyncio.run(run(arguments, hosts, database, folder))


if __name__ == "__main__":
    sys.exit(main())
