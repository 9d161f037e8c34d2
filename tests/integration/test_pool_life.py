"""The pool of a real node: through bursts, rebuilt images, lost sandboxes, killed nodes and a restarted engine."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccx.client import Client
from ccx.wire import Health, PoolHealth, Submission, Verdict
from tests.support.engine import OwnEngine
from tests.support.node import (
    NodeProcess,
    SandboxWatch,
    StartsNodes,
    all_of,
    containers_with,
    engine_client,
    eventually,
    sandboxes_of,
    submission,
)

pytestmark = pytest.mark.docker

MIB = 1 << 20
WHO_AM_I = "import os\nprint(os.getuid())\n"
IMAGES = Path(__file__).parents[2] / "images"


async def until(client: Client, is_so: Callable[[Health], bool], what: str, seconds: float = 60.0) -> Health:
    """Wait for the node's health to be like that."""
    seen: list[Health] = []

    async def look() -> bool:
        seen.append(await client.health())
        return is_so(seen[-1])

    await eventually(look, what, seconds)
    return seen[-1]


async def has_none(node: NodeProcess) -> bool:
    return sandboxes_of(node.name) == []


def is_full(health: Health) -> bool:
    return all(shelf.idle == shelf.target and not shelf.starting for shelf in health.pool)


def shelf(health: Health, language: str) -> PoolHealth:
    return next(shelf for shelf in health.pool if shelf.language == language)


async def said(client: Client, source: str, language: str = "python", **fields: object) -> str:
    result = await client.submit(submission(language, source, **fields))
    assert result.verdict is Verdict.OK, result
    return result.cases[0].stdout


async def test_a_submission_gets_a_sandbox_that_was_there_before_it_and_is_its_only_user(
    starts_nodes: StartsNodes,
) -> None:
    node = starts_nodes(languages="python", pool=True, CCX_POOL_MINIMUM="2")
    async with node.client() as client:
        await until(client, is_full, "the pool is full")
        ready = set(sandboxes_of(node.name))
        assert len(ready) == 2
        with SandboxWatch(node.name) as watch:
            uids = [await said(client, WHO_AM_I) for _ in range(6)]
            await watch.wait_for("destroy", times=6)
            assert {happening.action for happening in watch.all()} >= {"create", "start", "die", "destroy"}
        assert len(set(uids)) == 6
        health = await until(client, is_full, "the pool is full again")
    assert ready.isdisjoint(sandboxes_of(node.name))
    assert shelf(health, "python").warm + shelf(health, "python").cold == 6
    assert shelf(health, "python").warm >= 2


async def test_a_burst_is_served_and_leaves_the_other_languages_theirs(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(pool=True, CCX_POOL_MAXIMUM="3", CCX_POOL_MEMORY_BYTES=str(2048 * MIB))
    async with node.client() as client:
        await until(client, is_full, "the pool is full")
        burst = [client.submit(submission("python", f"print({number})")) for number in range(16)]
        results = asyncio.create_task(all_of(list(burst), at_once=8))
        while not results.done():
            health = await client.health()
            assert (shelf(health, "c").idle, shelf(health, "java").idle) == (1, 1)
            assert sum(one.idle for one in health.pool) <= 5
            await asyncio.wait({results}, timeout=0.05)
        assert [one.cases[0].stdout for one in await results] == [f"{number}\n" for number in range(16)]
        health = await until(client, is_full, "the pool is full again")
    assert shelf(health, "python").target == 3


@pytest.mark.parametrize("bound", [{"CCX_POOL_MAXIMUM": "0"}, {"CCX_POOL_MEMORY_BYTES": "0"}], ids=str)
async def test_with_an_empty_pool_the_result_is_the_same(starts_nodes: StartsNodes, bound: Any) -> None:
    node = starts_nodes(languages="python,c", pool=True, CCX_POOL_MINIMUM="0", **bound)
    async with node.client() as client:
        assert await said(client, "print(6 * 7)") == "42\n"
        assert await said(client, '#include <stdio.h>\nint main(void) { puts("c"); }\n', "c") == "c\n"
        health = await client.health()
    assert [(one.idle, one.target, one.warm, one.cold) for one in health.pool] == [(0, 0, 0, 1)] * 2
    await eventually(lambda: has_none(node), "nothing is kept")


async def test_the_memory_budget_is_kept(starts_nodes: StartsNodes) -> None:
    """By default a Python or C sandbox may use 256 MiB, a Java one 512."""
    budget = 800 * MIB
    node = starts_nodes(pool=True, CCX_POOL_MINIMUM="3", CCX_POOL_MEMORY_BYTES=str(budget))
    async with node.client() as client:
        await until(client, lambda health: bool(health.pool) and is_full(health), "the pool is full")
        with engine_client() as engine:
            limits = [
                engine.api.inspect_container(container["Id"])["HostConfig"]["Memory"]
                for container in containers_with(f"ccx.owner={node.name}")
            ]
    assert 0 < sum(limits) <= budget


async def test_limits_of_a_submission_hold_in_a_sandbox_started_before_they_were_known(
    starts_nodes: StartsNodes,
) -> None:
    node = starts_nodes(languages="python", pool=True, CCX_POOL_MINIMUM="2")
    async with node.client() as client:
        await until(client, is_full, "the pool is full")
        hungry = await client.submit(
            submission("python", "x = b'x' * (100 << 20)\n", limits={"memory_bytes": 64 * MIB})
        )
        forking = "import os, time\nfor _ in range(20):\n    if os.fork() == 0: time.sleep(9)\n"
        forks = await client.submit(submission("python", forking, limits={"processes": 8}))
        more = await client.submit(
            submission("python", "x = b'x' * (300 << 20)\nprint(len(x))\n", limits={"memory_bytes": 512 * MIB})
        )
        health = await client.health()
    assert hungry.verdict is Verdict.MEMORY_LIMIT
    assert forks.verdict is Verdict.PROCESS_LIMIT
    assert more.verdict is Verdict.OK
    # More memory means more room for files as well, which a sandbox has from its start.
    assert (shelf(health, "python").warm, shelf(health, "python").cold) == (2, 1)


async def test_a_sandbox_does_not_wait_for_ever(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(languages="python", pool=True, CCX_POOL_MINIMUM="2", CCX_POOL_IDLE_SECONDS="1")
    with SandboxWatch(node.name) as watch:
        async with node.client() as client:
            await watch.wait_for("destroy", times=4)
            assert (await client.health()).pool[0].cold == 0
            assert await said(client, "print(1)") == "1\n"


async def test_an_idle_sandbox_that_is_gone_is_noticed_and_replaced(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(languages="python", pool=True, CCX_POOL_MINIMUM="2")
    async with node.client() as client:
        await until(client, is_full, "the pool is full")
        removed = sandboxes_of(node.name)
        with engine_client() as engine:
            for name in removed:
                engine.api.remove_container(name, force=True)
        assert await said(client, "print(1)") == "1\n"
        await until(client, is_full, "the pool is full again")
        assert len(set(sandboxes_of(node.name)) - set(removed)) >= 2


async def test_a_full_pool_is_gone_when_the_node_has_stopped(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(pool=True, CCX_POOL_MINIMUM="2")
    async with node.client() as client:
        await until(client, is_full, "the pool is full")
    assert len(sandboxes_of(node.name)) == 6
    assert await asyncio.to_thread(node.stop) == 0
    assert sandboxes_of(node.name) == []


async def test_a_node_stopped_while_its_pool_fills_leaves_nothing(starts_nodes: StartsNodes) -> None:
    with SandboxWatch(node_name := "test-filling") as watch:
        node = starts_nodes(node_name, pool=True, CCX_POOL_MINIMUM="3")
        await watch.wait_for("create")
        assert await asyncio.to_thread(node.stop) == 0
    assert sandboxes_of(node_name) == []


async def test_the_pool_of_a_killed_node_is_cleared_away_by_the_next(starts_nodes: StartsNodes) -> None:
    first = starts_nodes(languages="python", pool=True, CCX_POOL_MINIMUM="2")
    async with first.client() as client:
        await until(client, is_full, "the pool is full")
    left = set(sandboxes_of(first.name))
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()

    second = starts_nodes(first.name, languages="python", pool=True, CCX_POOL_MINIMUM="2")

    async with second.client() as client:
        await until(client, is_full, "the pool is full")
        assert left.isdisjoint(sandboxes_of(first.name))
        assert await said(client, "print(1)") == "1\n"


async def test_when_an_image_is_built_again_the_sandboxes_of_the_old_one_are_replaced(
    starts_nodes: StartsNodes, tmp_path: Path, suite: str
) -> None:
    language = f"rebuilt-{suite[-8:]}"
    folder = tmp_path / "images" / language
    folder.mkdir(parents=True)
    description = (IMAGES / "python" / "language.toml").read_text()
    (folder / "language.toml").write_text(
        description.replace('name = "python"', f'name = "{language}"').replace('aliases = ["py", "python3"]', "")
    )
    (folder / "reference.py").write_bytes((IMAGES / "python" / "reference.py").read_bytes())
    try:
        first = make_image(language, "first")
        node = starts_nodes(pool=True, CCX_IMAGES_DIR=str(tmp_path / "images"))
        async with node.client() as client:
            await until(client, is_full, "the pool is full")
            assert images_of(node) == {first}
            second = make_image(language, "second")

            async def is_replaced() -> bool:
                return images_of(node) == {second}

            await eventually(is_replaced, "only sandboxes of the new image are there")
            result: Submission = await client.submit(submission(language, "print(1)"))
        assert (result.verdict, result.language_version) == (Verdict.OK, "second")
    finally:
        remove_image(language)


def remove_image(language: str) -> None:
    subprocess.run(["docker", "rmi", "--force", f"ccx-{language}"], capture_output=True, check=False)


def make_image(language: str, version: str) -> str:
    """The Python image once more, with that version on it; its id."""
    with engine_client() as engine:
        container = engine.api.create_container("ccx-python")["Id"]
        try:
            change = f"LABEL ccx.version={version}"
            return str(engine.api.commit(container, f"ccx-{language}", changes=[change])["Id"])
        finally:
            engine.api.remove_container(container)


def images_of(node: NodeProcess) -> set[str]:
    return {container["ImageID"] for container in containers_with(f"ccx.owner={node.name}")}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_an_engine_that_is_started_again_is_found_again(
    starts_nodes: StartsNodes, tmp_path_factory: pytest.TempPathFactory, images: None, suite: str
) -> None:
    with OwnEngine(suite[-8:], tmp_path_factory.mktemp("engine")) as engine:
        engine.load("ccx-python")
        node = starts_nodes(languages="python", pool=True, CCX_POOL_MINIMUM="2", DOCKER_HOST=engine.address)
        async with node.client() as client:
            await until(client, is_full, "the pool is full")
            before = set(sandboxes_of(node.name, engine.address))

            await asyncio.to_thread(engine.stop)
            down = await until(client, lambda health: health.status == "degraded", "the node notices")
            assert shelf(down, "python").idle == 0
            assert shelf(down, "python").error

            await asyncio.to_thread(engine.start)
            began = time.monotonic()
            await until(client, lambda health: health.status == "ok" and is_full(health), "the pool heals by itself")
            assert time.monotonic() - began < 40
            assert await said(client, "print(1)") == "1\n"
            assert shelf(await client.health(), "python").warm == 1
            assert before.isdisjoint(running(node.name, engine.address))
        assert await asyncio.to_thread(node.stop) == 0
        assert sandboxes_of(node.name, engine.address) == []
        node.engine = None  # it goes now, with all that was in it


def running(node: str, address: str) -> set[str]:
    return {
        container["Names"][0].lstrip("/")
        for container in containers_with(f"ccx.owner={node}", address)
        if container["State"] == "running"
    }


async def test_a_runtime_may_be_named_for_all_or_for_one_language(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(
        languages="python,c", pool=True, CCX_RUNTIME="runc", CCX_RUNTIMES='{"py": "io.containerd.runc.v2"}'
    )
    async with node.client() as client:
        await until(client, is_full, "the pool is full")
        with engine_client() as engine:
            used = {
                (found["Config"]["Image"], found["HostConfig"]["Runtime"])
                for container in containers_with(f"ccx.owner={node.name}")
                if (found := engine.api.inspect_container(container["Id"]))
            }
            python = engine.images.get("ccx-python").id
        assert {runtime for image, runtime in used if image == python} == {"io.containerd.runc.v2"}
        assert {runtime for image, runtime in used if image != python} == {"runc"}
        assert await said(client, "print(1)") == "1\n"
