"""Engines set up to be safer than the usual one: the same programs, the same verdicts."""

from __future__ import annotations

import time

import psutil
import pytest

from ccx.wire import Verdict
from ccx_orchestrator.docker_host.engine.capabilities import NoLimits
from tests.e2e.test_doctor import findings
from tests.hostile.arena import INNOCENT
from tests.hostile.attack import Attack
from tests.hostile.test_hostile_programs import ATTACKS
from tests.support.node import LocalNode, SandboxWatch, engine_client, local_node, submission
from tests.support.own_engine import IS_POSSIBLE, REMAPPED, ROOTLESS, own_engine

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.skipif(not IS_POSSIBLE, reason="it takes root and dockerd"),
    # The SDK leaves sockets that were cut off to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SOME = [
    "processes: fork bomb",
    "processes: daemon that outlives its case",
    "processes: kill the runner",
    "processes: busy for ever",
    "processes: sleep for ever",
    "outputs: flood of text",
    "memory: malloc",
    "files: a file larger than allowed",
    "files: a symbolic link as artifact",
    "network: everything there might be to reach",
    "kernel: calls that must be refused",
    "secrets: passwords",
]


async def check(attack: Attack, local: LocalNode) -> None:
    attack.check(await local.client.submit(attack.request()))
    innocent = await local.client.submit(INNOCENT)
    assert innocent.verdict is Verdict.OK, innocent


async def test_with_remapped_users_all_is_as_usual_and_root_is_nobody(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = int(REMAPPED[1].split(":")[1])
    with own_engine(REMAPPED[0], images=("ccx-c", "ccx-python")) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        async with local_node(node_name, max_tasks=1) as local:
            for name in SOME:
                await check(ATTACKS[name], local)
            request = submission("python", "import time\ntime.sleep(60)\n", limits={"wall_seconds": 100})
            with SandboxWatch(node_name) as watch, engine_client() as client:
                accepted = await local.client.submit(request, wait=False)
                started = await watch.wait_for("start")
                runner = psutil.Process(client.api.inspect_container(started.container)["State"]["Pid"])
                assert runner.uids().real == first
                await local.client.cancel(accepted.id)


async def test_a_rootless_engine_that_has_no_cgroups_is_refused_before_it_runs_anything(
    images: None, node_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_engine(ROOTLESS, images=("ccx-c",)) as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        with pytest.raises(NoLimits, match="cannot limit memory and processes"):
            async with local_node(node_name):
                pass
        status, found = await findings()
        with engine_client() as client:
            assert client.api.info()["SecurityOptions"][-1] == "name=rootless"
            ran = client.events(since=0, until=int(time.time()), decode=True, filters={"type": "container"})
            assert list(ran) == []
    assert status == 1
    assert {name for name, finding in found.items() if finding["status"] == "failed"} == {"cgroups", "node"}
    assert "cgroup version 2" in found["cgroups"]["remedy"]
