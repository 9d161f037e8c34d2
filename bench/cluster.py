"""What other nodes cost and bring: all of them on this machine's one engine, for nothing else is at hand."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bench.measure import PACE_SECONDS, throughput, timed
from bench.programs import Program, hello
from bench.sides import Node, over_http, pool_is_full

SLOTS = 2
CLIENTS_PER_SLOT = 2
SECONDS = 0.5
# It waits: several nodes on one machine have no more processors than one.
WAITS = Program(
    "python",
    "waits",
    "waits.py",
    f"import time\ntime.sleep({SECONDS})\nprint('waited')\n",
    "waited\n",
    "python3 waits.py",
)


async def overflow(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of hello on a slave: asked directly, and through a master that runs nothing itself; in turn."""
    async with AsyncExitStack() as stack:
        slave = await stack.enter_async_context(Node("bench-slave", SLOTS, CCX_LANGUAGES="python"))
        master = await stack.enter_async_context(Node("bench-master", 1, CCX_LANGUAGES="none", CCX_SLAVES=slave.url))
        sides = {
            "directly": await stack.enter_async_context(over_http(slave.url)),
            "through a master": await stack.enter_async_context(over_http(master.url)),
        }
        await _until_served(master.url)
        found: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(-1, rounds):
            for name, run in sides.items():
                await pool_is_full(slave.url)
                sample = await timed(run, hello("python"))
                if number >= 0:
                    found[name].append(sample)
        return found


async def by_nodes(seconds: float) -> dict[str, float]:
    """Programs per second that wait half a second, through one master: alone, with one slave, with two."""
    found = {}
    for count in (1, 2, 3):
        async with AsyncExitStack() as stack:
            slaves = [
                await stack.enter_async_context(Node(f"bench-slave-{number}", SLOTS, CCX_LANGUAGES="python"))
                for number in range(1, count)
            ]
            urls = ",".join(slave.url for slave in slaves)
            master = await stack.enter_async_context(
                Node("bench-master", SLOTS, CCX_LANGUAGES="python", **({"CCX_SLAVES": urls} if urls else {}))
            )
            for node in (master, *slaves):
                await pool_is_full(node.url)
            await asyncio.sleep(2 * PACE_SECONDS + 1)  # a second is how long a slave may stay unheard of
            run = await stack.enter_async_context(over_http(master.url))
            found[str(count)] = await throughput(run, WAITS, CLIENTS_PER_SLOT * SLOTS * count, seconds)
    return found


async def _until_served(url: str) -> None:
    async with over_http(url) as run, asyncio.timeout(30):
        while True:
            if (await run.http.get("/v1/languages")).json():  # type: ignore[attr-defined]
                return
            await asyncio.sleep(0.1)
