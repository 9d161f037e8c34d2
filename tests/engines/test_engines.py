"""What ccx promises, on the engines that people have: three releases, either runtime, either store of images.

`make test-engines` makes the engines and runs this; docs/engines.md has what came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from docker.errors import NotFound

from ccx.client import Client
from ccx.events import Output
from ccx.messages import Terminal
from ccx.wire import State, Verdict
from tests.e2e.test_crun import HELLO
from tests.e2e.test_doctor import Findings, findings
from tests.e2e.test_other_engines import SOME
from tests.engines.kinds import KINDS, LANGUAGES, Kind, engine_of
from tests.hostile.test_hostile_programs import ATTACKS
from tests.support.node import NodeProcess, containers_with, engine_client, eventually, sandboxes_of, submission
from tests.support.own_engine import SOCKETS_LEFT

pytestmark = [
    pytest.mark.engines,
    pytest.mark.docker,
    pytest.mark.timeout(180),
    *SOCKETS_LEFT,
]

DOCTOR_SECONDS = 300.0  # an emulated machine takes ten times as long as one of iron
SLEEPS = "import time\nprint('on', flush=True)\ntime.sleep(60)\n"


class Engine(Protocol):
    """One that answers at an address."""

    @property
    def address(self) -> str: ...


@dataclass
class OnEngine:
    """A node with a pool on such an engine."""

    kind: Kind
    engine: Engine
    node: NodeProcess

    def client(self) -> Client:
        return self.node.client()


def node_on(engine: Engine, folder: Path, name: str = "", **settings: str) -> NodeProcess:
    name = name or f"ccx-engines-{uuid4().hex[:8]}"
    return NodeProcess(name, folder, "2", DOCKER_HOST=engine.address, CCX_POOL_MAXIMUM="2", **settings)


@pytest.fixture(scope="module", params=KINDS)
def on(request: pytest.FixtureRequest, images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnEngine]:
    kind = KINDS[request.param]
    folder = tmp_path_factory.mktemp("engine")
    with engine_of(kind) as engine, node_on(engine, folder) as node:
        yield OnEngine(kind, engine, node)


@pytest.fixture
async def client(on: OnEngine) -> AsyncIterator[Client]:
    async with on.client() as client:
        yield client


def test_it_is_the_engine_that_is_meant(on: OnEngine) -> None:
    with engine_client(on.engine.address) as client:
        version, info = client.version()["Version"], client.info()
    wanted = {None: "", "trixie": "26.1", "forky": "28."}[on.kind.release]
    assert version.startswith(wanted)
    assert ("crun" in info["Runtimes"]) is (on.kind.runtime == "crun")
    by_containerd = ["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or [])
    assert by_containerd is (on.kind.is_by_containerd)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_hello_cold_and_warm_from_a_fresh_container_each(on: OnEngine, client: Client, language: str) -> None:
    for _ in range(3):
        ran = await client.submit(submission(language, HELLO[language]))
        assert (ran.verdict, ran.cases[0].stdout) == (Verdict.OK, "hello\n"), ran.message

    async def has_idle() -> bool:
        shelves = (await client.health()).pool
        return any(shelf.language == language and shelf.idle for shelf in shelves)

    await eventually(has_idle, "the pool has one")
    ran = await client.submit(submission(language, HELLO[language]))
    assert (ran.verdict, ran.cases[0].stdout) == (Verdict.OK, "hello\n"), ran.message
    assert await asyncio.to_thread(_runtimes, on) == {on.kind.runtime}


def _runtimes(on: OnEngine) -> set[str]:
    """Of the sandboxes that there are; they come and go."""
    found = set()
    with engine_client(on.engine.address) as client:
        for one in containers_with(f"ccx.owner={on.node.name}", on.engine.address):
            with suppress(NotFound):
                found.add(client.api.inspect_container(one["Id"])["HostConfig"]["Runtime"])
    return found


@pytest.mark.parametrize("name", SOME)
async def test_limits_and_walls(client: Client, name: str) -> None:
    ATTACKS[name].check(await client.submit(ATTACKS[name].request()))
    ran = await client.submit(submission("python", HELLO["python"]))
    assert ran.verdict is Verdict.OK


async def test_a_program_is_typed_to(client: Client) -> None:
    request = submission("python", "print('got', input('? '))\n")
    async with client.interactive(request, Terminal(rows=24, columns=80)) as session:
        await session.type(b"words\n")
        told = [event async for event in session.events()]
    assert "got words" in "".join(event.data for event in told if isinstance(event, Output))


async def test_a_node_that_was_killed_leaves_nothing_to_the_next(on: OnEngine, tmp_path: Path) -> None:
    name = f"ccx-engines-{uuid4().hex[:8]}"
    first = node_on(on.engine, tmp_path, name, CCX_LANGUAGES="python")
    with first:
        async with first.client() as client:
            accepted = await client.submit(submission("python", SLEEPS, limits={"wall_seconds": 100}), wait=False)

            async def runs() -> bool:
                return (await client.submission(accepted.id)).state is State.RUNNING

            await eventually(runs, "it runs")
        first.process.kill()
        first.process.wait()
        assert sandboxes_of(name, on.engine.address)
        with node_on(on.engine, tmp_path, name, CCX_LANGUAGES="python") as second:
            async with second.client() as client:
                await eventually(lambda: _is_ended(client, accepted.id), "it runs again")
                await client.cancel(accepted.id)


async def _is_ended(client: Client, submission_id: str) -> bool:
    found = await client.submission(submission_id)
    return found.state is State.RUNNING and found.attempt == 2


async def test_the_doctor_finds_nothing_wrong(on: OnEngine) -> None:
    await check_by_doctor(on.engine)


async def check_by_doctor(engine: Engine, **environment: str) -> Findings:
    status, found = await findings(engine.address, DOCTOR_SECONDS, **environment)
    failed = {name: finding["detail"] for name, finding in found.items() if finding["status"] == "failed"}
    assert (status, failed) == (0, {})
    assert await asyncio.to_thread(containers_with, "ccx.owner=doctor", engine.address) == []
    return found
