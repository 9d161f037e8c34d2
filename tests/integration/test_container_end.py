"""What the engine is taken to have said of a container's end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from docker.models.containers import Container

from ccx_orchestrator.docker_host.engine.client import Death, Engine, open_engine
from tests.support.node import engine_client

pytestmark = pytest.mark.docker

KILLED = 137


@contextmanager
def container(program: str) -> Iterator[Container]:
    """One that runs this Python program with 32 MiB, not in a sandbox."""
    with engine_client() as client:
        made = client.containers.run(
            "ccx-python",
            ["-c", program],
            entrypoint="python3",
            name=f"ccx-test-{uuid4().hex}",
            labels={"ccx": "test"},
            mem_limit="32m",
            memswap_limit="32m",
            network_mode="none",
            detach=True,
        )
        try:
            yield made
        finally:
            made.remove(force=True)


def forgets_reasons(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an engine that hears of the reason after the end: its answers about the state lack it for ever."""
    told = engine._transport.call

    def call(*words: Any, **query: Any) -> Any:
        answer = told(*words, **query)
        answer["State"]["OOMKilled"] = False
        return answer

    monkeypatch.setattr(engine._transport, "call", call)


@pytest.mark.parametrize("is_forgetful", [False, True])
async def test_memory_that_ran_out_is_the_reason_also_where_it_is_told_late(
    images: None, monkeypatch: pytest.MonkeyPatch, is_forgetful: bool
) -> None:
    async with open_engine() as engine:
        if is_forgetful:
            forgets_reasons(engine, monkeypatch)
        with container("print(len(bytearray(b'x') * 10**9))") as made:
            await asyncio.to_thread(made.wait)
            assert await engine.death(str(made.name)) == Death(KILLED, out_of_memory=True)


async def test_who_was_killed_did_not_run_out_of_memory(images: None) -> None:
    async with open_engine() as engine:
        with container("import time; time.sleep(100)") as made:
            assert await engine.death(str(made.name)) is None
            await asyncio.to_thread(made.kill)
            await asyncio.to_thread(made.wait)
            assert await engine.death(str(made.name)) == Death(KILLED, out_of_memory=False)
        assert await engine.death(str(made.name)) is None
