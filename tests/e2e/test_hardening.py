"""How a sandbox is locked up: as the engine has it, and as a program within finds it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ccx.client import Client
from ccx.wire import Verdict
from tests.support.node import NodeProcess, Runs, SandboxWatch, engine_client, submission

pytestmark = pytest.mark.docker

MIB = 1 << 20
LOOK_AROUND = r"""
import json, os, resource, socket

def status():
    lines = (line.split(":", 1) for line in open("/proc/self/status"))
    return {name: value.strip() for name, value in lines}

def can_write(folder):
    try:
        path = os.path.join(folder, "probe")
        with open(path, "w") as file:
            file.write("x")
        os.unlink(path)
        return True
    except OSError:
        return False

def attempt(action, *arguments):
    try:
        action(*arguments)
        return "done"
    except OSError as error:
        return type(error).__name__

folders = [folder for folder, _, _ in os.walk("/") if not folder.startswith(("/proc", "/sys"))]
print(json.dumps({
    "status": status(),
    "ids": [os.getresuid(), os.getresgid(), os.getgroups()],
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]],
    "writable": [folder for folder in folders if can_write(folder)],
    "processes": [int(name) for name in os.listdir("/proc") if name.isdigit()],
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
    "hostname": socket.gethostname(),
    "environment": dict(os.environ),
    "outside": attempt(socket.create_connection, ("8.8.8.8", 53), 2),
    "become_root": attempt(os.setuid, 0),
    "read_runner": attempt(open, "/proc/1/environ"),
    "kill_runner": attempt(os.kill, 1, 9),
    "mounts": {line.split()[1]: line.split()[3].split(",") for line in open("/proc/mounts")},
    "proc_writable": [name for name in ("sysrq-trigger", "sys/kernel/core_pattern", "sys/kernel/hostname")
                      if os.access("/proc/" + name, os.W_OK)],
    "devices": sorted(os.listdir("/dev")),
    "core_limit": resource.getrlimit(resource.RLIMIT_CORE),
    "in_work": os.listdir("/box/work"),
}))
"""


@pytest.fixture
async def seen(run: Runs) -> dict[str, Any]:
    """What a program finds when it looks around."""
    result = await run("python", {"look.py": LOOK_AROUND})
    assert result.verdict is Verdict.OK, result.cases[0].stderr
    found: dict[str, Any] = json.loads(result.cases[0].stdout)
    return found


@pytest.fixture
async def inspected(node: NodeProcess, client: Client) -> AsyncIterator[dict[str, Any]]:
    """A live sandbox as the engine has it, with the memory and process limits that were asked for."""
    request = submission(
        "python",
        "import time\nprint(1, flush=True)\ntime.sleep(60)\n",
        limits={"memory_bytes": 100 * MIB, "processes": 40},
    )
    with SandboxWatch(node.name) as watch, engine_client() as engine:
        accepted = await client.submit(request, wait=False)
        started = await watch.wait_for("start")
        details: dict[str, Any] = await asyncio.to_thread(engine.api.inspect_container, started.container)
        yield details | {"submission": accepted.id, "node": node.name}
        await client.cancel(accepted.id)


async def test_the_engine_has_the_sandbox_locked_up(inspected: dict[str, Any]) -> None:
    host, config = inspected["HostConfig"], inspected["Config"]
    assert host["NetworkMode"] == "none"
    assert config["NetworkDisabled"] is True
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert sorted(name.removeprefix("CAP_") for name in host["CapAdd"]) == ["KILL", "SETGID", "SETUID"]
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert not any("unconfined" in option for option in host["SecurityOpt"])
    assert host["Privileged"] is False
    assert host["LogConfig"]["Type"] == "none"
    assert host["IpcMode"] == "none"
    assert host["PidMode"] == ""
    assert host["UTSMode"] == ""
    assert (host["Binds"] or [], host["Devices"] or [], inspected["Mounts"]) == ([], [], [])
    assert set(host["Tmpfs"]) == {"/box", "/dev/shm"}
    for options in host["Tmpfs"].values():
        assert {"nosuid", "nodev"} <= set(options.split(","))
    assert host["RestartPolicy"]["Name"] == "no"


async def test_the_engine_has_the_limits_that_were_asked_for(inspected: dict[str, Any]) -> None:
    host = inspected["HostConfig"]
    assert host["Memory"] == 100 * MIB
    assert host["MemorySwap"] == 100 * MIB  # memory and swap together: no swap
    assert host["PidsLimit"] == 40 + 1  # and the runner
    assert host["OomKillDisable"] in {False, None}
    assert host["OomScoreAdj"] > 0


async def test_the_sandbox_says_whose_it_is(inspected: dict[str, Any]) -> None:
    labels = inspected["Config"]["Labels"]
    assert labels["ccx"] == "sandbox"
    assert labels["ccx.owner"] == inspected["node"]
    assert labels["ccx.submission"] == inspected["submission"]
    assert labels["ccx.process"].count(":") == 2
    assert inspected["submission"] in inspected["Name"]


async def test_the_limits_of_the_run_replace_those_of_the_compiler(node: NodeProcess, client: Client) -> None:
    request = submission(
        "c",
        '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("x"); fflush(stdout); sleep(60); }\n',
        limits={"memory_bytes": 16 * MIB, "processes": 3},
    )
    with SandboxWatch(node.name) as watch, engine_client() as engine:
        accepted = await client.submit(request, wait=False)
        updated = await watch.wait_for("update")
        host = (await asyncio.to_thread(engine.api.inspect_container, updated.container))["HostConfig"]
        await client.cancel(accepted.id)
        await watch.wait_for("destroy")

    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (16 * MIB, 16 * MIB, 3 + 1)


async def test_a_program_is_nobody_and_cannot_become_anybody(seen: dict[str, Any]) -> None:
    users, groups, more_groups = seen["ids"]
    assert 0 not in users + groups + more_groups
    assert len(set(users)) == len(set(groups)) == 1
    assert more_groups == []
    assert seen["become_root"] == "PermissionError"
    status = seen["status"]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[kind], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"  # a filter


async def test_a_program_has_no_network(seen: dict[str, Any]) -> None:
    assert seen["interfaces"] == ["lo"]
    assert seen["outside"] in {"OSError", "ConnectionRefusedError", "TimeoutError"}


async def test_a_program_can_write_to_its_box_and_its_shared_memory_only(seen: dict[str, Any]) -> None:
    assert {"/box/work", "/box/tmp", "/dev/shm"} <= set(seen["writable"])
    assert [place for place in seen["writable"] if not place.startswith(("/box/", "/dev/shm"))] == []
    assert seen["proc_writable"] == []
    for place, options in seen["mounts"].items():
        if place in {"/box", "/dev/shm"}:
            assert {"rw", "nosuid", "nodev"} <= set(options)
        elif place == "/":
            assert "ro" in options


async def test_a_program_sees_itself_and_the_runner_and_cannot_touch_that(seen: dict[str, Any]) -> None:
    assert len(seen["processes"]) == 2
    assert 1 in seen["processes"]
    assert seen["kill_runner"] == "PermissionError"
    assert seen["read_runner"] == "PermissionError"


async def test_a_program_is_given_its_three_streams_its_environment_and_nothing_else(seen: dict[str, Any]) -> None:
    assert seen["descriptors"] == [0, 1, 2]
    assert set(seen["environment"]) <= {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
        "LC_CTYPE",
    }
    assert seen["hostname"] == "sandbox"
    assert seen["in_work"] == ["look.py"]
    assert not {"sda", "vda", "kmsg", "mem", "kvm"} & set(seen["devices"])


async def test_two_submissions_never_meet(run: Runs) -> None:
    """Neither files, shared memory, sockets, processes nor uid of one are seen by another at the same time."""
    program = """
import os, socket, time
print(os.getuid())
for place in ("/box/work", "/box/tmp", "/dev/shm", "/tmp"):
    try:
        open(place + "/mine", "x")
    except FileExistsError:
        assert place == "/tmp"
assert len([name for name in os.listdir("/proc") if name.isdigit()]) == 2
with socket.create_server(("127.0.0.1", 4000)):
    time.sleep(1)
"""
    first, second = await asyncio.gather(run("python", program), run("python", program))

    assert (first.verdict, second.verdict) == (Verdict.OK, Verdict.OK), (first.cases, second.cases)
    assert first.started_at is not None
    assert second.finished_at is not None
    assert first.started_at < second.finished_at
    assert first.cases[0].stdout != second.cases[0].stdout
