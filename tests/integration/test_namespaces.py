"""The network a program sees: its own loopback, and nothing that another program did or does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ccx.client import Client
from ccx.wire import State, Verdict
from tests.support.node import StartsNodes, eventually, submission

pytestmark = pytest.mark.docker

# Listens on a port and on a Unix socket without a path, leaves a connection in TIME_WAIT, tries to change the kernel's
# settings.
LEAVE_TRACES = """
import os, socket, sys
tcp = socket.create_server(("127.0.0.1", 5555))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\\0ccx-trace")
abstract.listen()
client = socket.create_connection(("127.0.0.1", 5555))
server, _ = tcp.accept()
client.close(); server.close()
assert " 06 " in open("/proc/net/tcp").read(), "no connection in TIME_WAIT"
for name in ("net/ipv4/ip_default_ttl", "net/ipv4/ip_local_port_range", "net/core/somaxconn"):
    try:
        open(f"/proc/sys/{name}", "w").write("77")
        print("changed", name)
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    import time
    time.sleep(100)
print("left", flush=True)
if "stay" in sys.argv:
    import time
    time.sleep(100)
"""
LOOK = """
import json, os, socket
def table(name):
    return open(f"/proc/net/{name}").read().splitlines()[1:]
def reach(family, address):
    with socket.socket(family) as one:
        try:
            one.connect(address)
            return True
        except OSError as error:
            return type(error).__name__
print(json.dumps({
    "namespace": os.stat("/proc/self/ns/net").st_ino,
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]],
    "routes": table("route"),
    "tcp": table("tcp") + table("tcp6"), "udp": table("udp") + table("udp6"), "unix": table("unix"),
    "port": reach(socket.AF_INET, ("127.0.0.1", 5555)),
    "abstract": reach(socket.AF_UNIX, "\\0ccx-trace"),
    "outside": reach(socket.AF_INET, ("8.8.8.8", 53)),
    "ttl": open("/proc/sys/net/ipv4/ip_default_ttl").read(),
}))
"""
CLEAN = {
    "interfaces": ["lo"],
    "routes": [],
    "tcp": [],
    "udp": [],
    "unix": [],
    "port": "ConnectionRefusedError",
    "abstract": "ConnectionRefusedError",
    "outside": "OSError",
    "ttl": "64\n",
}


async def seen(client: Client) -> dict[str, Any]:
    """What a program finds around itself."""
    result = await client.submit(submission("python", LOOK))
    assert result.verdict is Verdict.OK, result.cases[0].stderr
    found: dict[str, Any] = json.loads(result.cases[0].stdout)
    return found


def without_number(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "namespace"}


@pytest.mark.parametrize("pool", [True, False], ids=["started ahead", "started for it"])
async def test_nothing_in_the_network_passes_from_one_program_to_the_next(
    starts_nodes: StartsNodes, pool: bool
) -> None:
    node = starts_nodes(max_tasks=1, languages="python", pool=pool)
    async with node.client() as client:
        for _ in range(4):
            left = await client.submit(submission("python", LEAVE_TRACES))
            assert (left.verdict, left.cases[0].stdout) == (Verdict.OK, "left\n"), left.cases[0].stderr
            assert without_number(await seen(client)) == CLEAN


async def test_programs_that_run_at_the_same_time_have_no_network_in_common(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=3, languages="python", pool=True)
    async with node.client() as client:
        neighbours = [
            (await client.submit(submission("python", LEAVE_TRACES, args=["stay"]), wait=False)).id for _ in range(2)
        ]

        async def both_are_there() -> bool:
            found = [await client.submission(one) for one in neighbours]
            return all(one.state is State.RUNNING and one.cases and one.cases[0].stdout for one in found)

        await eventually(both_are_there, "both neighbours have opened everything they can")
        assert without_number(await seen(client)) == CLEAN
        await asyncio.gather(*(client.cancel(one) for one in neighbours))
