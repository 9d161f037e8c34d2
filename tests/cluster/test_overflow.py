"""A master with one slot, and slaves on Docker hosts of their own that carry one language each."""

from __future__ import annotations

import asyncio

import pytest

from ccx.client import Client
from ccx.wire import NodeHealth, Submission, Verdict
from tests.cluster.conftest import StartsSlaves
from tests.cluster.hosts import Host
from tests.support.node import DEADLINE_SECONDS, NodeProcess, StartsNodes, eventually, submission

pytestmark = [pytest.mark.docker, pytest.mark.slow]

HELLO = {"c": '#include <stdio.h>\nint main(void) { puts("hello"); }\n', "python": "print('hello')\n"}
SLEEPS = "import time\nprint('awake', flush=True)\ntime.sleep(600)\n"


async def until_it_knows(client: Client, *nodes: NodeProcess) -> None:
    """Wait until a master has heard of these nodes."""
    names = {node.name for node in nodes}

    async def knows() -> bool:
        return names <= {node.name for node in await client.nodes() if node.health is NodeHealth.OK}

    await eventually(knows, f"the master knows {names}")


async def run(client: Client, language: str, text: str | None = None, **fields: object) -> Submission:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await client.submit(submission(language, text or HELLO[language], **fields))


async def test_what_does_not_fit_here_runs_where_its_language_is(
    starts_nodes: StartsNodes, starts_slaves: StartsSlaves, c_host: Host, python_host: Host
) -> None:
    assert (c_host.images(), python_host.images()) == ({"ccx-c:latest"}, {"ccx-python:latest"})
    for_c, for_python = starts_slaves(c_host, "2"), starts_slaves(python_host, "2")
    master = starts_nodes(max_tasks=1, languages="python", CCX_SLAVES=f"{c_host.url},{python_host.url}")
    async with master.client() as client:
        await until_it_knows(client, for_c, for_python)
        assert {language.name for language in await client.languages()} == {"c", "python"}
        ran = await asyncio.gather(*(run(client, language) for language in ["python", "c"] * 6))
    assert {(one.verdict, one.cases[0].stdout) for one in ran} == {(Verdict.OK, "hello\n")}
    assert {one.node for one in ran if one.language == "c"} == {for_c.name}
    assert {one.node for one in ran if one.language == "python"} == {master.name, for_python.name}


async def test_a_cancelled_one_on_a_slave_keeps_its_figures(
    starts_nodes: StartsNodes, starts_slaves: StartsSlaves, python_host: Host
) -> None:
    slave = starts_slaves(python_host, "1")
    master = starts_nodes(languages="none", CCX_SLAVES=python_host.url)
    async with master.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        await until_it_knows(client, slave)
        accepted = await client.submit(submission("python", SLEEPS, limits={"wall_seconds": 30}), wait=False)
        async for event in client.events(accepted.id):
            if event.type == "output":
                break
        cancelled = await client.cancel(accepted.id)
    (case,) = cancelled.cases
    assert (cancelled.verdict, cancelled.node, case.verdict) == (Verdict.CANCELLED, slave.name, Verdict.CANCELLED)
    assert min(case.cpu_seconds, case.wall_seconds, case.memory_bytes, case.stdout_bytes) > 0, case
