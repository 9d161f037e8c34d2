"""Measures what docs/benchmarks.md claims, and writes it: `make bench`, or `python -m bench.run --quick`."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import cluster, command, doors, floor, grading, locks, long, measure, page, report
from bench.programs import PROGRAMS, Program, hello
from bench.sides import PEERS_PYTHON, ROOT, Node, bare_host, docker_run, over_http, peer

SLOTS = 2
CLIENTS = 8


@dataclass(frozen=True)
class Effort:
    """How much of everything."""

    mode: str
    programs: tuple[Program, ...]
    rounds: int
    throughput_seconds: float
    load_seconds: float
    load_shares: tuple[float, ...]
    counted: int
    case_repeats: int
    soak: int
    idle_seconds: float
    floor_rounds: int
    overflow_rounds: int
    nodes_seconds: float
    graded: int


FULL = Effort("full", PROGRAMS, 30, 60, 40, (0.25, 0.5, 0.75, 0.9), 100, 3, 5000, 30, 30, 60, 20, 3_000)
HELLOS = tuple(hello(language) for language in report.LANGUAGES)
QUICK = Effort("quick: too few samples for more than an impression", HELLOS, 2, 2, 3, (0.5,), 10, 1, 40, 3, 3, 4, 3, 30)


def say(text: str) -> None:
    """A line for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


async def main(effort: Effort) -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {"mode": effort.mode, "machine": report.machine()}
    async with AsyncExitStack() as stack:
        warm = await stack.enter_async_context(Node("bench-warm", SLOTS))
        cold = await stack.enter_async_context(Node("bench-cold", SLOTS, CCX_POOL="false"))
        sides = {
            report.WARM: await stack.enter_async_context(over_http(warm.url)),
            report.COLD: await stack.enter_async_context(over_http(cold.url)),
            report.BY_HAND: await stack.enter_async_context(docker_run()),
            report.BARE: await stack.enter_async_context(bare_host()),
            "epicbox": await stack.enter_async_context(peer("epicbox")()),
            "llm-sandbox": await stack.enter_async_context(peer("llm_sandbox")()),
        }
        say("latency, all sides in turn")
        found = await measure.latencies(sides, warm.url, effort.programs, effort.rounds)
        figures["latency"] = {"|".join(key): samples for key, samples in found.samples.items()}
        figures["left_out"] = {"|".join(key): reason for key, reason in found.left_out.items()}
        say("idle node, node processor time")
        figures["idle_cpu"] = await measure.idle_cpu(warm, effort.idle_seconds)
        say("a hundred pages that watch, node processor time")
        figures["watched_cpu"] = await locks.watched(warm, effort.idle_seconds)
        say("the page in a browser with an empty cache")
        figures["page_seconds"] = await page.interactive(warm.url, effort.rounds)
        say("programs that take seconds")
        figures["printing"] = await long.printing(warm.url, effort.rounds)
        figures["long_java"] = await long.java(warm.url, effort.case_repeats)
        say("tokens and TLS")
        figures["locks"] = await locks.overhead(effort.rounds)
        figures["forwarded"] = await locks.forwarded(effort.rounds)
        run = sides[report.WARM]
        figures["node_cpu_ms"] = await measure.cpu_per_submission(warm, run, hello("python"), effort.counted)
        say("1000 cases")
        figures["cases"] = await measure.cases(warm.url, effort.case_repeats)
        await throughput_and_load(figures, sides, effort)
    say(f"{effort.soak} submissions in a row")
    figures["soak"] = await in_a_row(effort.soak)
    say("other nodes")
    figures["overflow"] = await cluster.overflow(effort.overflow_rounds)
    figures["nodes"] = await cluster.by_nodes(effort.nodes_seconds)
    say("ccx run from the keystroke")
    figures["command"] = await command.samples(effort.overflow_rounds)
    say("through the doors")
    figures["doors"] = await doors.samples(effort.overflow_rounds)
    say("grading a class, and very many")
    figures["class"] = await grading.a_class()
    figures["graded"] = await grading.many(effort.graded, effort.throughput_seconds)
    say("what a container costs")
    figures["floor"] = await asyncio.to_thread(floor.measure, effort.floor_rounds)
    figures["floor_crun"] = await asyncio.to_thread(floor.measure_crun, effort.floor_rounds)
    return figures


async def in_a_row(count: int) -> dict[str, Any]:
    """What a node holds before and after so many. Its pool is as large before as after, whatever was in demand."""
    name, size = "bench-soak", "4"
    async with Node(name, SLOTS, CCX_POOL_MINIMUM=size, CCX_POOL_MAXIMUM=size) as node, over_http(node.url) as run:
        before, after = await measure.soak(node, name, run, count)
    return {"count": count, "before": asdict(before), "after": asdict(after)}


async def throughput_and_load(figures: dict[str, Any], sides: dict[str, measure.Runs], effort: Effort) -> None:
    """How much at once, and how long each takes meanwhile."""
    figures |= {"throughput": {}, "half_load": {}, "throughput_seconds": effort.throughput_seconds}
    for language in report.LANGUAGES:
        say(f"throughput and load, {language}")
        program, run = hello(language), sides[report.WARM]
        by_hand, clients = await measure.best_throughput(
            sides[report.BY_HAND], program, max(2, effort.throughput_seconds / 4)
        )
        ours = await measure.throughput(run, program, CLIENTS, effort.throughput_seconds)
        figures["throughput"][language] = {report.WARM: ours, report.BY_HAND: by_hand, "clients": clients}
        shares = effort.load_shares if language == "python" else (0.5,)
        for share in shares:
            await asyncio.sleep(3)  # the pool has been emptied
            samples = await measure.under_load(run, program, max(ours * share, 0.5), effort.load_seconds)
            tail = {"p50": statistics.median(samples or [0]), "p99": report.percentile(samples or [0], 0.99)}
            if share == 0.5:  # noqa: PLR2004
                figures["half_load"][language] = tail
            if language == "python":
                figures.setdefault("load", []).append({"rate": ours * share, **tail})


def write(figures: dict[str, Any], target: Path) -> None:
    """The document, its plots, and the figures they are made from."""
    target.mkdir(parents=True, exist_ok=True)
    raw = target / "benchmarks.json"
    raw.write_text(json.dumps(figures, indent=1))
    text = report.document(figures)
    (target / "benchmarks.md").write_text(text)
    print(text)
    if PEERS_PYTHON.exists():
        plot = ROOT / "bench" / "plot.py"
        subprocess.run([str(PEERS_PYTHON), str(plot), str(raw), str(target / "img")], check=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes, for work on the bench itself")
    parser.add_argument("--into", type=Path, help="folder to write to (docs; with --quick: build/bench)")
    chosen = parser.parse_args()
    into = chosen.into or (ROOT / "build" / "bench" if chosen.quick else ROOT / "docs")
    write(asyncio.run(main(QUICK if chosen.quick else FULL)), into)
    sys.exit(0)
