"""How it is measured. Every figure is a list of samples or a rate; what they mean is the report's business."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from bench.programs import Program, hello
from bench.sides import CannotRun, Node, Runs, execute, over_http, pool_is_full

CASES = 1000
PACE_SECONDS = 0.25  # between two runs: about what replacing a sandbox takes
TRIVIAL_C = "int main(void) { return 0; }\n"


@dataclass
class Latencies:
    """Milliseconds by side, language and program; `left_out` says why a side has none."""

    samples: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    left_out: dict[tuple[str, str], str] = field(default_factory=dict)


async def timed(run: Runs, program: Program) -> float:
    """Milliseconds of one run."""
    began = time.perf_counter()
    await run(program)
    return (time.perf_counter() - began) * 1e3


async def latencies(sides: dict[str, Runs], pooled_url: str, programs: tuple[Program, ...], rounds: int) -> Latencies:
    """All sides in turn, one run at a time, on an otherwise idle machine; the first round is not counted."""
    found = Latencies()
    for number in range(-1, rounds):
        for program in programs:
            for side, run in sides.items():
                if (side, program.language) in found.left_out:
                    continue
                await pool_is_full(pooled_url)
                try:
                    sample = await timed(run, program)
                except CannotRun as reason:
                    found.left_out[side, program.language] = str(reason)
                    continue
                if number >= 0:
                    found.samples.setdefault((side, program.language, program.name), []).append(sample)
    return found


async def throughput(run: Runs, program: Program, clients: int, seconds: float) -> float:
    """Runs per second with so many clients, each of which has one on its way at any time."""
    until = time.perf_counter() + seconds
    done = 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await run(program)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return done / (time.perf_counter() - began)


async def best_throughput(run: Runs, program: Program, seconds: float) -> tuple[float, int]:
    """The best rate over numbers of clients, and that number."""
    rates = [(await throughput(run, program, clients, seconds), clients) for clients in (2, 4, 8)]
    return max(rates)


async def under_load(run: Runs, program: Program, rate: float, seconds: float) -> list[float]:
    """Milliseconds of runs that come at random moments, so many per second, whether or not others have ended."""
    dice = random.Random(rate)  # noqa: S311
    began, moment, waiting = time.perf_counter(), 0.0, []

    async def arrive(at: float) -> float:
        await asyncio.sleep(began + at - time.perf_counter())
        return await timed(run, program)

    while (moment := moment + dice.expovariate(rate)) < seconds:
        waiting.append(asyncio.create_task(arrive(moment)))
    return list(await asyncio.gather(*waiting))


async def cpu_per_submission(node: Node, run: Runs, program: Program, count: int) -> float:
    """Milliseconds of the node's processor time, all of it, refilling and removing included."""
    await pool_is_full(node.url)
    before = node.cpu_seconds()
    for _ in range(count):
        await run(program)
        await asyncio.sleep(PACE_SECONDS)
    await asyncio.sleep(1)  # the last removals; asking whether they are done would count as well
    return (node.cpu_seconds() - before) / count * 1e3


async def idle_cpu(node: Node, seconds: float) -> float:
    """Share of one core of a node that has nothing to do."""
    await pool_is_full(node.url)
    await asyncio.sleep(1)
    before, began = node.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (node.cpu_seconds() - before) / (time.perf_counter() - began)


async def cases(url: str, repeats: int) -> dict[str, float]:
    """Milliseconds per case: of one submission with many, and of as many bare starts of the same program."""
    sandboxed, bare = [], []
    for _ in range(repeats):
        await pool_is_full(url)
        few, many = await _submission(url, 1), await _submission(url, CASES)
        sandboxed.append((many - few) / (CASES - 1))
        bare.append(await asyncio.to_thread(_bare_starts) / CASES)
    return {"one submission": min(sandboxed), "posix_spawn and wait": min(bare)}


async def _submission(url: str, count: int) -> float:
    body: dict[str, Any] = {"language": "c", "files": [{"name": "x.c", "content": TRIVIAL_C}], "cases": [{}] * count}
    async with over_http(url) as run:
        began = time.perf_counter()
        answer = (await run.http.post("/v1/submissions", json=body)).json()  # type: ignore[attr-defined]
        took = (time.perf_counter() - began) * 1e3
    if [case["verdict"] for case in answer["cases"]] != ["ok"] * count:
        raise RuntimeError(f"cases went wrong: {str(answer)[:300]}")
    return took


def _bare_starts() -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "x")
        subprocess.run(["gcc", "-O2", "-x", "c", "-o", path, "-"], input=TRIVIAL_C.encode(), check=True)
        began = time.perf_counter()
        for _ in range(CASES):
            os.waitpid(os.posix_spawn(path, [path], {}), 0)
        return (time.perf_counter() - began) * 1e3


@dataclass(frozen=True)
class Footprint:
    """What a node holds."""

    memory_bytes: int
    descriptors: int
    threads: int
    containers: int


async def footprint(node: Node, owner: str) -> Footprint:
    """… once it has come to rest."""
    await pool_is_full(node.url)
    await asyncio.sleep(2)
    listed = await execute(["docker", "ps", "-aq", "--filter", f"label=ccx.owner={owner}"], Path.cwd())
    return Footprint(node.memory_bytes(), node.descriptors(), node.threads(), len(listed.split()))


async def _start_all_threads(url: str) -> None:
    """A node starts the threads that read its store when they are first needed: now, not while it is measured."""
    async with httpx2.AsyncClient(base_url=url) as http:
        await asyncio.gather(*(http.get("/v1/submissions") for _ in range(32)))


async def soak(node: Node, owner: str, run: Runs, count: int) -> tuple[Footprint, Footprint]:
    """What the node holds after a tenth of so many submissions, and after all."""

    async def some(number: int) -> None:
        todo = iter(range(number))

        async def client() -> None:
            for _ in todo:
                await run(hello("python"))

        await asyncio.gather(*(client() for _ in range(4)))

    await some(count // 10)
    await _start_all_threads(node.url)
    before = await footprint(node, owner)
    await some(count - count // 10)
    return before, await footprint(node, owner)
