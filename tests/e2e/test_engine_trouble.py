"""The Docker engine dies under a running node and comes back. The engine is the test's own: nobody else uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from ccx.errors import EngineUnavailable
from ccx.wire import Verdict
from ccx_orchestrator.docker_host import janitor
from tests.support.node import DEADLINE_SECONDS, eventually, local_node, sandboxes_of, submission
from tests.support.own_engine import IS_POSSIBLE, OwnEngine, own_engine

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    # The SDK leaves a Unix socket that could not be connected to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(not IS_POSSIBLE, reason="it takes root and dockerd"),
]


@pytest.fixture
def engine(images: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnEngine]:
    """An engine that has the Python image, and that DOCKER_HOST names."""
    with own_engine(images=("ccx-python",)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        yield engine


async def test_an_engine_that_dies_costs_what_ran_and_nothing_more(
    engine: OwnEngine, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor, "SWEEP_SECONDS", 0.5)
    hello = submission("python", "print('hello')\n")
    async with local_node(node_name, max_tasks=2, shutdown_seconds=5) as local:
        client = local.client
        ended_before = await client.submit(hello)
        assert ended_before.verdict is Verdict.OK

        source = "import time\nprint('begun', flush=True)\ntime.sleep(100)\n"
        running = await client.submit(submission("python", source, limits={"wall_seconds": 120}), wait=False)

        async def has_begun() -> bool:
            seen = await client.submission(running.id)
            return bool(seen.cases and seen.cases[0].stdout)

        await eventually(has_begun, "it has begun")
        await asyncio.to_thread(engine.kill)

        async with asyncio.timeout(DEADLINE_SECONDS):
            lost = await client.wait(running.id)
        assert lost.verdict is Verdict.INTERNAL_ERROR
        assert running.id in (lost.message or "")
        assert lost.cases[0].stdout == "begun\n"

        with pytest.raises(EngineUnavailable) as refusal:
            await client.submit(hello)
        assert engine.address in refusal.value.detail
        assert "Start one" in refusal.value.detail
        assert (await client.health()).status == "degraded"
        assert await client.submission(ended_before.id) == ended_before

        await asyncio.to_thread(engine.start)

        again = await client.submit(hello)
        assert (again.verdict, again.cases[0].stdout) == (Verdict.OK, "hello\n")
        assert (await client.health()).status == "ok"
        assert await client.submission(running.id) == lost

        async def nothing_left() -> bool:
            return await asyncio.to_thread(sandboxes_of, node_name) == []

        await eventually(nothing_left, "the sandboxes of before are gone")
