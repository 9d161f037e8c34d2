"""What goes wrong with us, one thing at a time: every submission has one answer, the log says why, the node goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from ccx.client import Client
from ccx.errors import CcxError, EngineUnavailable, StoreUnavailable
from ccx.events import CaseEnded
from ccx.wire import Submission, SubmissionRequest, Verdict
from ccx_orchestrator.docker_host import janitor
from ccx_orchestrator.docker_host.engine.client import Engine, Image
from ccx_orchestrator.docker_host.execution import executor
from ccx_orchestrator.docker_host.sandboxes import lifecycle
from tests.support.cgroups import ProcessLimit
from tests.support.engine_proxy import EngineProxy
from tests.support.node import (
    DEADLINE_SECONDS,
    LocalNode,
    NodeProcess,
    SandboxWatch,
    StartsNodes,
    engine_client,
    eventually,
    local_node,
    sandboxes_of,
    submission,
)
from tests.support.own_engine import IS_POSSIBLE, SOCKETS_LEFT, own_engine

pytestmark = [
    pytest.mark.docker,
    *SOCKETS_LEFT,
]

HELLO = submission("python", "print('hello')\n")
SILENT = submission("python", "import time\ntime.sleep(2)\nprint('done')\n")


async def answer(client: Client, request: SubmissionRequest) -> Submission:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await client.submit(request)


async def is_well(client: Client) -> None:
    result = await answer(client, HELLO)
    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "hello\n")
    assert await says_ok(client)


async def says_ok(client: Client) -> bool:
    return (await client.health()).status == "ok"


def is_our_fault(result: Submission) -> None:
    assert result.verdict is Verdict.INTERNAL_ERROR
    assert result.id in (result.message or "")


# ---- sandboxes ----


async def test_a_sandbox_removed_before_anything_was_seen_is_replaced_and_nobody_notices(
    node: NodeProcess, client: Client
) -> None:
    with SandboxWatch(node.name) as watch, engine_client() as engine:
        running = asyncio.create_task(answer(client, SILENT))
        started = await watch.wait_for("start")
        await eventually_running(client, started.labels["ccx.submission"])
        await asyncio.to_thread(engine.api.remove_container, started.container, force=True)
        result = await running
        await watch.wait_for("destroy", times=2)

    assert (result.verdict, result.cases[0].stdout) == (Verdict.OK, "done\n")
    assert watch.count("create") == 2
    assert result.id in node.line_with("sandbox lost, trying again")


async def eventually_running(client: Client, submission_id: str) -> None:
    async def runs() -> bool:
        return (await client.submission(submission_id)).state == "running"

    await eventually(runs, "it runs")


# ---- runners ----

GREETING = r"printf '\000\000\000\003r\000\001\001'"
RUNNERS = {
    "is missing": ["/nowhere"],
    "ends at once": ["true"],
    "fails at once": ["false"],
    "sends noise": ["cat", "/dev/urandom"],
    "sends zeros": ["cat", "/dev/zero"],
    "speaks another version": ["sh", "-c", r"printf '\000\000\000\003r\377\377\001'; cat"],
    "greets and ends": ["sh", "-c", GREETING],
    "greets and sends noise": ["sh", "-c", GREETING + "; cat /dev/urandom"],
    "greets and complains": ["sh", "-c", GREETING + r"; printf '\000\000\000\002!no'; cat >/dev/null"],
    "ends a step that never was": [
        "sh",
        "-c",
        GREETING + r"; printf '\000\000\000\006o\000\000\000\011hi'; cat >/dev/null",
    ],
    "greets and is silent": ["sh", "-c", GREETING + "; cat >/dev/null"],
    "is silent": ["sh", "-c", "cat >/dev/null"],
}


@pytest.fixture(scope="module")
def runner_images(images: None) -> Iterator[dict[str, str]]:
    """The Python image, each time with another runner: their ids."""
    made: dict[str, str] = {}
    with engine_client() as engine:
        container = engine.api.create_container("ccx-python")["Id"]
        try:
            for name, command in RUNNERS.items():
                words = ", ".join(f'"{word}"'.replace("\\", "\\\\") for word in command)
                made[name] = engine.api.commit(container, changes=[f"ENTRYPOINT [{words}]"])["Id"]
            yield made
        finally:
            engine.api.remove_container(container)
            for image in made.values():
                engine.api.remove_image(image, force=True)


@pytest.mark.parametrize("runner", RUNNERS)
async def test_a_runner_that_is_none_is_our_fault(
    runner: str, runner_images: dict[str, str], node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(lifecycle, "READY_SECONDS", 5.0 if "silent" not in runner else 1.0)
    async with local_node(node_name, max_tasks=1) as local:
        served = local.node.languages._served
        good, served["python"] = served["python"], Image(runner_images[runner], "", "")

        result = await answer(local.client, submission("python", "print(1)", limits={"wall_seconds": 0.5}))

        is_our_fault(result)
        assert result.cases == ()
        served["python"] = good
        await is_well(local.client)


# ---- the engine ----


@asynccontextmanager
async def node_behind_a_proxy(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[LocalNode, EngineProxy]]:
    engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    async with EngineProxy(folder / "proxy.sock", engine).listening() as proxy:
        monkeypatch.setenv("DOCKER_HOST", proxy.address)
        async with local_node(name, max_tasks=2, shutdown_seconds=5) as local:
            yield local, proxy
        monkeypatch.setenv("DOCKER_HOST", engine)


async def test_an_engine_that_stops_answering_costs_what_needs_it_and_nothing_more(
    node_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(janitor, "SWEEP_SECONDS", 0.5)
    monkeypatch.setitem(Engine._call.__kwdefaults__ or {}, "seconds", 2.0)
    async with node_behind_a_proxy(node_name, tmp_path, monkeypatch) as (local, proxy):
        await is_well(local.client)
        begun = submission(
            "python", "import time\nprint('begun', flush=True)\ntime.sleep(60)\n", limits={"wall_seconds": 3}
        )
        running = asyncio.create_task(answer(local.client, begun))

        async def has_begun() -> bool:
            lives = local.node.submissions._active.all()
            return any(case.stdout == "begun\n" for live in lives for case in live.transcript.submission().cases)

        await eventually(has_begun, "it has begun")
        proxy.hang()
        waiting = asyncio.create_task(answer(local.client, HELLO))

        is_our_fault(await waiting)
        cut_short = await running
        is_our_fault(cut_short)
        assert cut_short.cases[0].stdout == "begun\n"
        assert (await local.client.health()).status == "degraded"

        proxy.go_on()
        await is_well(local.client)

        async def nothing_left() -> bool:
            return await asyncio.to_thread(sandboxes_of, node_name) == []

        await eventually(nothing_left, "no sandbox is left")


@pytest.mark.slow
@pytest.mark.skipif(not IS_POSSIBLE, reason="it takes root and dockerd")
async def test_a_full_disk_is_our_fault_until_there_is_room_again(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_engine(images=("ccx-python",), disk_bytes=600 << 20) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        async with local_node(node_name, max_tasks=1) as local:
            await is_well(local.client)
            filler = engine.folder / "disk" / "filler"
            _fill(filler)
            is_our_fault(await answer(local.client, HELLO))
            filler.unlink()
            await is_well(local.client)


@pytest.mark.slow
@pytest.mark.skipif(not IS_POSSIBLE, reason="it takes root and dockerd")
async def test_a_full_process_table_is_our_fault_until_there_is_room_again(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_engine(images=("ccx-python",)) as engine, ProcessLimit(engine.processes()) as limit:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        async with local_node(node_name, max_tasks=1, pool=True, languages=("python",)) as local:
            await is_well(local.client)
            limit.full()
            # What waits in the pool is used up before anybody notices. The engine's own programs may not survive this.
            ends = [await _end(local.client) for _ in range(5)]
            assert ends[-1] in {"internal_error", "refused"}
            assert set(ends) <= {"ok", "internal_error", "refused"}
            assert (await local.client.health()).status == "degraded"
            limit.lift()
            engine.revive()
            await eventually(lambda: says_ok(local.client), "it noticed by itself")
            await is_well(local.client)


async def _end(client: Client) -> str:
    """The verdict of one submission; refused is one that the node never took."""
    try:
        return str((await answer(client, HELLO)).verdict)
    except EngineUnavailable:
        return "refused"


def _fill(file: Path) -> None:
    """Every block of the file system, and every inode there is room for a name of."""
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue
    for number in range(100_000):
        try:
            file.with_name(f"filler-{number}").mkdir()
        except OSError:
            return


# ---- the node itself ----


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to mount")
async def test_a_full_disk_of_the_store_is_told_of_and_what_was_taken_in_is_kept(
    starts_nodes: StartsNodes, small_disk: Path
) -> None:
    node = starts_nodes(max_tasks=2, CCX_STATE_DIR=str(small_disk))
    async with node.client() as client:
        await is_well(client)
        running = await client.submit(SILENT, wait=False)
        filler = small_disk / "filler"
        await asyncio.to_thread(_fill, filler)
        refusal = await _refusal(client)
        assert "has no room: its disk is full; nothing was taken in" in str(refusal)
        told = ("degraded", "The store of submissions has no room: its disk is full.")

        async def is_told() -> bool:  # small writes may still find room
            health = await client.health()
            return (health.status, health.store) == told

        await eventually(is_told, "its health says so")
        async for event in client.events(running.id):
            if isinstance(event, CaseEnded):  # while there is no room for its result
                break
        filler.unlink()
        await eventually(lambda: says_ok(client), "it noticed by itself that there is room")
        kept = await client.wait(running.id)
        assert (kept.verdict, kept.cases[0].stdout, kept.attempt) == (Verdict.OK, "done\n", 1)
        await is_well(client)


async def _refusal(client: Client) -> StoreUnavailable:
    """The first one: SQLite's log may have some room left in it."""
    for _ in range(1000):
        try:
            await client.submit(HELLO, wait=False)
        except StoreUnavailable as error:
            return error
    raise AssertionError("every submission was taken in")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "ccx-test", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


async def test_a_node_without_a_descriptor_left_recovers(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=2)
    process = psutil.Process(node.process.pid)
    async with node.client() as client:
        await is_well(client)
        usual = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 1, usual[1]))
        ends = await asyncio.gather(*(_end_of_one(node) for _ in range(6)))
        process.rlimit(psutil.RLIMIT_NOFILE, usual)
        assert set(ends) <= {"ok", "internal_error", "refused"}
        assert set(ends) != {"ok"}
    async with node.client() as client:
        await is_well(client)


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to limit processes")
async def test_a_node_that_can_start_no_thread_recovers(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=2)
    with ProcessLimit([node.process.pid]) as limit:
        limit.full()
        ends = await asyncio.gather(*(_end_of_one(node) for _ in range(6)))
        limit.lift()
    assert set(ends) == {"ok"}  # by the threads it had


async def _end_of_one(node: NodeProcess) -> str:
    """What one submission came to; refused is one that the node never took."""
    try:
        async with node.client() as client, asyncio.timeout(5):
            return await _end(client)
    except (CcxError, TimeoutError):
        return "refused"


async def test_a_node_without_memory_left_recovers(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=2, CCX_MAX_BODY_BYTES=str(256 << 20))
    process = psutil.Process(node.process.pid)
    async with node.client() as client:
        await is_well(client)
        usual = process.rlimit(psutil.RLIMIT_AS)
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + (96 << 20), usual[1]))
        large = submission("python", "print('hello')\n", stdin="x" * (100 << 20))
        with pytest.raises(CcxError):
            await answer(client, large)
        process.rlimit(psutil.RLIMIT_AS, (resource.RLIM_INFINITY, usual[1]))
    async with node.client() as client:
        await is_well(client)
