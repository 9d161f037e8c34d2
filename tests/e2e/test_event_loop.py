"""A node on the test's own event loop: nothing blocks it, and its own clock ends what does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from ccx.client import Client
from ccx.errors import InvalidSubmission
from ccx.wire import Verdict
from ccx_orchestrator.docker_host.execution import executor
from ccx_orchestrator.docker_host.sandboxes import lifecycle
from tests.support.makeshift_language import describe_language, makeshift_image
from tests.support.node import (
    DEADLINE_SECONDS,
    LocalNode,
    SandboxWatch,
    engine_client,
    local_node,
    sandboxes_of,
    submission,
)

pytestmark = pytest.mark.docker

PROGRAMS = {
    "python": "print(sum(map(int, input().split())))\n",
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d%d", &a, &b); printf("%d\\n", a + b); }\n',
    "java": "void main() { var in = new Scanner(System.in); IO.println(in.nextInt() + in.nextInt()); }\n",
}


@pytest.fixture
def blockbuster() -> Iterator[BlockBuster]:
    """From here on a blocking call on the event loop is an error where it is made."""
    with blockbuster_ctx() as blockbuster:
        yield blockbuster


@pytest.fixture
async def local(node_name: str) -> AsyncIterator[LocalNode]:
    async with local_node(node_name, max_tasks=2, shutdown_seconds=0) as local:
        yield local
    assert sandboxes_of(node_name) == []


@pytest.fixture
async def pooled(node_name: str, images: None) -> AsyncIterator[LocalNode]:
    async with local_node(node_name, max_tasks=2, shutdown_seconds=0, pool=True) as local:
        yield local
    assert sandboxes_of(node_name) == []


async def test_nothing_that_a_node_does_blocks_its_event_loop(local: LocalNode, blockbuster: BlockBuster) -> None:
    await do_everything(local.client)


async def test_neither_does_its_pool(pooled: LocalNode, blockbuster: BlockBuster) -> None:
    await do_everything(pooled.client)


async def do_everything(client: Client) -> None:
    ran = await asyncio.gather(
        *(client.submit(submission(language, source, stdin="2 3\n")) for language, source in PROGRAMS.items())
    )
    assert [(result.verdict, result.cases[0].stdout) for result in ran] == [(Verdict.OK, "5\n")] * 3

    failed = await client.submit(submission("c", "int main(void) { return 1 + ; }\n"))
    assert failed.verdict is Verdict.COMPILE_ERROR

    flooded = await client.submit(submission("python", "while True: print('x' * 1000)\n"))
    assert flooded.verdict is Verdict.OUTPUT_LIMIT

    with pytest.raises(InvalidSubmission):
        await client.submit(submission("python", "", limits={"cpu_seconds": 1000}))

    accepted = await client.submit(submission("python", "while True: pass\n"), wait=False)
    assert (await client.cancel(accepted.id)).verdict is Verdict.CANCELLED
    assert len(await client.languages()) == 3


async def test_a_node_that_stops_does_not_block(local: LocalNode, blockbuster: BlockBuster) -> None:
    running = await local.client.submit(submission("python", "while True: pass\n"), wait=False)
    waiting = [await local.client.submit(submission("python", "while True: pass\n"), wait=False) for _ in range(3)]

    assert await local.node.drain() is False

    for one in (running, *waiting):
        assert (await local.client.submission(one.id)).verdict is Verdict.CANCELLED


async def test_others_are_answered_while_a_large_submission_is_on_its_way(local: LocalNode) -> None:
    """Sixteen megabytes in, sixteen out, not UTF-8: the longest that anybody else has to wait meanwhile."""
    client = local.client
    large = asyncio.create_task(
        client.submit(
            submission(
                "python",
                {
                    "main.py": "import shutil, sys\nshutil.copyfileobj(open('data', 'rb'), sys.stdout.buffer)\n",
                    "data": b"\xff" * (12 << 20),
                },
                limits={"output_bytes": 16_777_216},
            )
        )
    )
    loop = asyncio.get_running_loop()
    longest = 0.0
    while not large.done():
        before = loop.time()
        await asyncio.sleep(0)
        longest = max(longest, loop.time() - before)
    result = await large

    assert result.verdict is Verdict.OK
    assert len(result.cases[0].stdout_data()) == 12 << 20
    assert longest < 1.0


async def test_a_sandbox_that_does_not_answer_is_ended_by_the_nodes_own_clock(
    local: LocalNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "GRACE_SECONDS", 0.5)
    request = submission(
        "python", "print('begun', flush=True)\nimport time\ntime.sleep(60)\n", limits={"wall_seconds": 1}
    )
    with SandboxWatch(local.name) as watch, engine_client() as engine:
        answer = asyncio.create_task(local.client.submit(request))
        started = await watch.wait_for("start")
        # Frozen, the runner neither looks at its clock nor answers; only the node's clock is left.
        await asyncio.to_thread(engine.api.pause, started.container)
        async with asyncio.timeout(DEADLINE_SECONDS):
            result = await answer
        await watch.wait_for("destroy")

    assert result.verdict is Verdict.INTERNAL_ERROR
    assert result.id in (result.message or "")
    again = await local.client.submit(submission("python", "print(1)"))
    assert again.verdict is Verdict.OK


@pytest.mark.parametrize(
    "entrypoint", ['["/usr/bin/sleep", "60"]', '["/usr/bin/echo"]', '["/nowhere"]', '["/usr/bin/yes"]']
)
async def test_an_image_without_our_runner_is_given_up(
    node_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entrypoint: str
) -> None:
    monkeypatch.setattr(lifecycle, "READY_SECONDS", 1.0)
    language = f"foreign-{node_name[-8:]}"
    describe_language(tmp_path, language)
    with makeshift_image(language, f"ENTRYPOINT {entrypoint}"):
        async with local_node(node_name, max_tasks=1, images_dir=tmp_path) as local:
            result = await local.client.submit(submission(language, "print(1)"))

            assert (result.verdict, result.cases) == (Verdict.INTERNAL_ERROR, ())
            assert (await local.client.health()).running == 0
    assert sandboxes_of(node_name) == []
