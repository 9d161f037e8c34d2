"""What sending a submission on costs: the same program on a slave, directly and through a master that runs nothing itself.

.venv/bin/python -m bench.overflow      prints medians and 95th percentiles, in milliseconds
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from ccx.client import Client
from tests.node import NodeProcess, submission

RUNS = 60
PROGRAM = "print('hello')\n"


async def times_of(clients: dict[str, Client]) -> dict[str, list[float]]:
    """Milliseconds for each, in turn, so that both have the same weather."""
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(RUNS):
        for name, client in clients.items():
            began = time.perf_counter()
            await client.submit(submission("python", PROGRAM))
            found[name].append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.15)  # for the pool to have the next one ready
    return found


async def measure(direct: str, through: str) -> dict[str, list[float]]:
    async with Client(direct) as slave, Client(through) as master:
        while not await master.languages():  # noqa: ASYNC110  (nothing announces it)
            await asyncio.sleep(0.1)
        return await times_of({"direct": slave, "through a master": master})


def main() -> None:
    """Start both nodes on this machine's engine, and compare."""
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
        slave = undo.enter_context(NodeProcess("bench-slave", folder, "2", "--languages", "python", quiet="yes"))
        arguments = ("1", "--languages", "none", "--slave", slave.url)
        master = undo.enter_context(NodeProcess("bench-master", folder, *arguments, quiet="yes"))
        found = asyncio.run(measure(slave.url, master.url))
    for name, times in found.items():
        times.sort()
        sys.stdout.write(f"| {name} | p50 {statistics.median(times):.1f} ms | p95 {times[int(RUNS * 0.95)]:.1f} ms |\n")


if __name__ == "__main__":
    main()
