"""What `ccx grade` adds to the running times of what it runs: `python -m bench.grading`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.measure import PACE_SECONDS, throughput
from bench.programs import hello
from bench.sides import Node, over_http, pool_is_full

SLOTS = 2
PEOPLE, TESTS = 30, 20
CLIENTS = 8
# It computes for about a tenth of a second, so that what is added is seen beside it.
COMPUTES = "n = int(input())\ntotal = 0\nfor i in range(1_500_000):\n    total += i % 7\nprint(n + total - total)\n"
# Runs in a process of its own, for its peak memory to be its own.
_GRADE = """
import atexit, resource, sys
from ccx.cli.entry import main
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
main()
"""


def make_class(folder: Path, people: int, tests: int, program: str) -> None:
    """A folder with so many people's programs, and one with the tests."""
    for number in range(people):
        path = folder / "class" / f"person-{number}" / "main.py"
        path.parent.mkdir(parents=True)
        path.write_text(f"{program}# {number}\n")
    (folder / "tests").mkdir()
    for number in range(tests):
        (folder / f"tests/{number}.in").write_text(f"{number}\n")
        (folder / f"tests/{number}.ans").write_text(f"{number}\n")


def grade(folder: Path, server: str) -> tuple[float, int, float]:
    """Seconds that it took, the peak of the client's memory in bytes, and the sum of the programs' own seconds."""
    command = [
        *(sys.executable, "-c", _GRADE, "grade", str(folder / "class"), "--tests", str(folder / "tests")),
        *("--server", server, "--json", str(folder / "out.json")),
    ]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    took = time.perf_counter() - began
    grades = json.loads((folder / "out.json").read_text())["grades"]
    if any(one["verdict"] != "ok" for one in grades):
        raise RuntimeError(f"not all were right: {done.stderr[-500:]}")
    own = sum(test["wall_seconds"] for one in grades for test in one["tests"])
    return took, int(done.stderr.split()[-1]) * 1024, own


async def a_class() -> dict[str, float]:
    """Thirty programs with twenty tests each on a node of two slots."""
    async with Node("bench-grade", SLOTS) as node:
        await pool_is_full(node.url)
        with tempfile.TemporaryDirectory() as folder:
            make_class(Path(folder), PEOPLE, TESTS, COMPUTES)
            took, _, own = await asyncio.to_thread(grade, Path(folder), node.url)
    return {"seconds": took, "own_seconds": own, "allowed_seconds": 1.15 * own / SLOTS + 0.15 * PEOPLE}


async def many(people: int, seconds: float) -> dict[str, float]:
    """Very many over three nodes: submissions per second against what clients come to that do nothing else, and the
    client's memory against that for a tenth of them.
    """
    async with AsyncExitStack() as stack:
        slaves = [
            await stack.enter_async_context(Node(f"bench-grade-{number}", 1, CCX_LANGUAGES="python"))
            for number in (1, 2)
        ]
        urls = ",".join(slave.url for slave in slaves)
        master = await stack.enter_async_context(Node("bench-grade", 1, CCX_LANGUAGES="python", CCX_SLAVES=urls))
        for node in (master, *slaves):
            await pool_is_full(node.url)
        await asyncio.sleep(2 * PACE_SECONDS + 1)  # a second is how long a slave may stay unheard of
        run = await stack.enter_async_context(over_http(master.url))
        before = await throughput(run, hello("python"), CLIENTS, seconds)
        found = {}
        for count in (people // 10, people):
            with tempfile.TemporaryDirectory() as folder:
                make_class(Path(folder), count, 1, "print(input())\n")
                found[count] = await asyncio.to_thread(grade, Path(folder), master.url)
        after = await throughput(run, hello("python"), CLIENTS, seconds)
    (_, few_bytes, _), (took, many_bytes, _) = found.values()
    return {
        "per_second": people / took,
        "bare_per_second": (before + after) / 2,
        "memory_ratio": many_bytes / few_bytes,
    }


async def main() -> None:
    """Print both."""
    print(await a_class())
    print(await many(3_000, 20))


if __name__ == "__main__":
    asyncio.run(main())
