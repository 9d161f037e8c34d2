"""Another runtime below the engine: the same programs, the same verdicts, from a pool."""

from __future__ import annotations

import asyncio
import re
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from docker.errors import NotFound

from ccx.wire import Verdict
from ccx_orchestrator.access.posture import Locks
from ccx_orchestrator.docker_host import janitor
from ccx_orchestrator.docker_host.checks.runtime_choice import BadRuntime
from ccx_orchestrator.doctor.examination import examine
from ccx_orchestrator.settings import load_settings
from tests.e2e.test_doctor import findings
from tests.hostile.test_hostile_programs import ATTACKS
from tests.support.node import containers_with, engine_client, eventually, local_node, submission
from tests.support.own_engine import CRUN, IS_POSSIBLE, own_engine

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.skipif(not IS_POSSIBLE, reason="it takes root and dockerd"),
    # The SDK leaves sockets that were cut off to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HELLO = {
    "c": '#include <stdio.h>\nint main(void) { puts("hello"); }\n',
    "java": 'void main() { IO.println("hello"); }\n',
    "python": "print('hello')\n",
}
SOME = ["processes: fork bomb", "processes: busy for ever", "outputs: flood of text", "memory: malloc"]


async def test_with_crun_all_is_as_usual(images: None, node_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_engine(CRUN, images=("ccx-c", "ccx-java", "ccx-python")) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        async with local_node(node_name, max_tasks=2, runtime="crun", pool=True) as local:
            await eventually(lambda: _has_idle(node_name), "the pool has one")
            runtimes = await asyncio.to_thread(_runtimes, node_name)
            results = await asyncio.gather(
                *(local.client.submit(submission(language, text)) for language, text in HELLO.items())
            )
            for name in SOME:
                ATTACKS[name].check(await local.client.submit(ATTACKS[name].request()))
    assert runtimes == {"crun"}
    assert [(one.verdict, one.cases[0].stdout) for one in results] == [(Verdict.OK, "hello\n")] * len(HELLO)


async def test_a_node_takes_it_by_itself_where_it_works(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with own_engine(CRUN, images=("ccx-python",)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert await _runtime_of_a_quick_start(node_name) == "runc"
        async with local_node(node_name, max_tasks=1, languages=("python",), pool=True) as local:
            await eventually(lambda: _has_idle(node_name), "the pool has one")
            assert await asyncio.to_thread(_runtimes, node_name) == {"crun"}
            assert (await local.client.submit(submission("python", HELLO["python"]))).verdict is Verdict.OK
        # From now on it is known to work, and costs nothing to find out.
        assert await _runtime_of_a_quick_start(node_name) == "crun"


async def _runtime_of_a_quick_start(name: str) -> str:
    """By which a node without a pool, which shall start at once, starts a sandbox."""
    async with local_node(name, max_tasks=1, languages=("python",), pool=False) as local:
        accepted = await local.client.submit(submission("python", "import time; time.sleep(9)"), wait=False)
        await eventually(lambda: _has_idle(name), "there is a sandbox")
        (runtime,) = await asyncio.to_thread(_runtimes, name)
        await local.client.cancel(accepted.id)
    return runtime


async def test_the_doctor_says_what_it_brings_and_whether_it_is_used(images: None) -> None:
    with own_engine(CRUN, images=("ccx-python",)) as engine:
        _, found = await findings(engine.address)
        _, found_without = await findings(engine.address, CCX_RUNTIME="runc")
    used, unused = found["runtime speed"], found_without["runtime speed"]
    assert re.match(
        r"a sandbox comes and goes in \d+ ms with runc, \d+ ms with crun; the node uses crun", used["detail"]
    )
    assert used["status"] == "ok"
    assert "; the node uses runc" in unused["detail"]


async def test_what_the_doctor_measures_is_no_lost_sandbox_to_its_node(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor, "SWEEP_SECONDS", 0.01)
    locks = Locks("127.0.0.1", access=None, has_tls=False, is_insecure=False)
    with own_engine(CRUN, images=("ccx-python",)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        settings = await asyncio.to_thread(
            lambda: load_settings(name=node_name, database_url="memory:", runtime="runc")
        )
        found = [finding async for finding in examine(settings, locks)]
    assert found[-1].name == "runtime speed"
    assert found[-1].detail.startswith("a sandbox comes and goes in ")


async def test_the_doctor_says_why_it_is_not_used(images: None) -> None:
    with own_engine("--add-runtime=crun=/bin/false", images=("ccx-python",)) as engine:
        status, found = await findings(engine.address)
    assert status == 0, found
    assert found["runtime speed"]["detail"].startswith("the engine has crun too, which does not work here: ")


async def test_a_node_does_without_it_where_it_does_not(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_engine("--add-runtime=crun=/bin/false", images=("ccx-python",)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        async with local_node(node_name, max_tasks=1, languages=("python",), pool=True) as local:
            await eventually(lambda: _has_idle(node_name), "the pool has one")
            assert await asyncio.to_thread(_runtimes, node_name) == {"runc"}
            assert (await local.client.submit(submission("python", HELLO["python"]))).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("options", "works"),
    [((CRUN, "--default-runtime=crun"), True), (("--add-runtime=no=/bin/false", "--default-runtime=no"), False)],
)
async def test_an_engines_own_choice_has_to_prove_itself_too(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], works: bool
) -> None:
    with own_engine(*options, images=("ccx-python",)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        with nullcontext() if works else pytest.raises(BadRuntime, match="could not run the reference program"):
            async with local_node(node_name, max_tasks=1, languages=("python",), pool=True) as local:
                assert (await local.client.submit(submission("python", HELLO["python"]))).verdict is Verdict.OK
                assert await asyncio.to_thread(_runtimes, node_name) == {"crun"}


async def _has_idle(name: str) -> bool:
    return bool(await asyncio.to_thread(containers_with, f"ccx.owner={name}"))


def _runtimes(name: str) -> set[str]:
    found = set()
    with engine_client() as client:
        for one in containers_with(f"ccx.owner={name}"):
            with suppress(NotFound):  # its node has just removed it
                found.add(client.api.inspect_container(one["Id"])["HostConfig"]["Runtime"])
    return found
