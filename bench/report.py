"""The figures as a document. What is claimed is compared with what was measured, whichever way it went."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import command, doors, locks, long
from bench.floor import PARTS

LANGUAGES = ("python", "c", "java")
WARM, COLD, BY_HAND, BARE = "ccx", "ccx, pool off", "docker run", "bare host"
SIDES = (WARM, COLD, BY_HAND, BARE, "epicbox", "llm-sandbox")


@dataclass(frozen=True)
class Claim:
    """One line of the table of claims."""

    text: str
    target: float
    measured: float
    unit: str
    at_least: bool

    @property
    def is_met(self) -> bool:
        return self.measured >= self.target if self.at_least else self.measured <= self.target


def percentile(samples: list[float], share: float) -> float:
    """The nearest rank."""
    return sorted(samples)[max(0, math.ceil(len(samples) * share) - 1)]


def claims(figures: dict[str, Any]) -> list[Claim]:
    """The claims that the figures can speak to."""
    found: list[Claim] = []

    def claim(text: str, target: float, measured: float | None, unit: str = "×", *, at_least: bool = False) -> None:
        if measured is not None:
            found.append(Claim(text, target, measured, unit, at_least))

    def ratio(language: str, side: str) -> float | None:
        one, other = (_median(figures, name, language, "hello") for name in (WARM, side))
        return one / other if one and other else None

    for language, bare, by_hand in (("python", 1.0, 1 / 15), ("c", 1.3, 1 / 5), ("java", 0.12, 1 / 10)):
        claim(f"{language} hello, p50 against the bare host", bare, ratio(language, BARE))
        claim(f"{language} hello, p50 against `docker run`", by_hand, ratio(language, BY_HAND))
    for language, tail in figures["half_load"].items():
        claim(f"{language} hello, p99 against p50 at half the sustainable rate", 3, tail["p99"] / tail["p50"])
    for language, least in (("python", 1.6), ("c", 1.6), ("java", 2.5)):
        rates = figures["throughput"][language]
        text = f"{language} hello, sustained throughput against `docker run` at its best"
        claim(text, least, rates[WARM] / rates[BY_HAND], at_least=True)
    claim("processor time of the node per submission", 10, figures["node_cpu_ms"], "ms")
    cases, soak = figures["cases"], figures["soak"]
    over = cases["one submission"] - cases["posix_spawn and wait"]
    claim("1000 cases in one submission, per case over `posix_spawn` and wait", 2, over, "ms")
    growth = abs(soak["after"]["memory_bytes"] / soak["before"]["memory_bytes"] - 1)
    claim(f"{soak['count']} submissions: change of the node's memory", 0.10, growth, "")
    for name in ("descriptors", "threads", "containers"):
        claim(f"… more {name}", 0, soak["after"][name] - soak["before"][name], "")
    if overflow := figures.get("overflow"):
        directly, through = (statistics.median(overflow[name]) for name in ("directly", "through a master"))
        claim("sending a submission on to another node adds to p50", 5, through - directly, "ms")
    claim("an idle node with a full pool, of one core", 0.01, figures["idle_cpu"], "")
    _claims_of_long_programs(figures, claim)
    _claims_of_page_and_locks(figures, claim)
    _claims_of_doors(figures, claim)
    _claims_of_the_command(figures, claim)
    _claims_of_grading(figures, claim)
    return found


def _claims_of_the_command(figures: dict[str, Any], claim: Callable[..., None]) -> None:
    if found := figures.get("command"):
        medians = {name: statistics.median(taken) for name, taken in found.items()}
        for name, most in ((command.OWN_NODE, 1.3), (command.EMBEDDED, 6)):
            claim(
                f"{name}: hello.py from the keystroke, against docker run",
                most,
                medians[name] / medians[command.BY_HAND],
            )


def _claims_of_doors(figures: dict[str, Any], claim: Callable[..., None]) -> None:
    if found := figures.get("doors"):
        claim("a door for clients of other systems adds to p50, the slowest of three", 1, doors.added(found), "ms")


def _claims_of_grading(figures: dict[str, Any], claim: Callable[..., None]) -> None:
    if whole := figures.get("class"):
        text = "`ccx grade`, thirty programs with twenty tests: time against 1.15 of their own plus 0.15 s each"
        claim(text, 1.0, whole["seconds"] / whole["allowed_seconds"])
    if many := figures.get("graded"):
        rate = many["per_second"] / many["bare_per_second"]
        claim(
            "`ccx grade`, 3,000 programs over three nodes: throughput against plain clients", 0.95, rate, at_least=True
        )
        claim("… memory of the client against that for 300", 1.1, many["memory_ratio"])


def _claims_of_long_programs(figures: dict[str, Any], claim: Callable[..., None]) -> None:
    if printed := figures.get("printing"):
        ratio = statistics.median(printed["as it is"]) / statistics.median(printed["in blocks"])
        claim("C, a million short lines, CPU time against the C library's own buffering", 1.05, ratio)
    if samples := figures.get("long_java"):
        claim(
            "Java, the worst of five programs of seconds, CPU time against plain `java`",
            1.05,
            long.worst_ratio(samples),
        )


def _claims_of_page_and_locks(figures: dict[str, Any], claim: Callable[..., None]) -> None:
    if "watched_cpu" in figures:
        claim("a node that a hundred pages watch, of one core", 0.10, figures["watched_cpu"], "")
    if times := figures.get("page_seconds"):
        claim("the page can be written to, with an empty cache, median", 1, statistics.median(times), "s")
    if samples := figures.get("locks"):
        claim(
            "a token and TLS add to p50 of a Python hello, on a kept connection",
            1.5,
            locks.added(samples, "kept"),
            "ms",
        )
        claim("… on a new connection", 5, locks.added(samples, "new"), "ms")
    if samples := figures.get("forwarded"):
        claim("… through a master that knows the node by its certificate", 6, locks.added_by_forwarding(samples), "ms")


def _median(figures: dict[str, Any], side: str, language: str, program: str) -> float | None:
    samples = figures["latency"].get(f"{side}|{language}|{program}")
    return statistics.median(samples) if samples else None


def document(figures: dict[str, Any]) -> str:
    """The whole of docs/benchmarks.md."""
    parts = [
        "# Benchmarks",
        "",
        "Written by `make bench`: every side is measured in turn, in one run, on one machine. Read the ratios; the "
        "milliseconds are this machine's.",
        "",
        *_machine(figures),
        "",
        "## Claims",
        "",
        "| claim | target | measured | |",
        "|---|---|---|---|",
        *(_claim_row(one) for one in claims(figures)),
        "",
        "## Latency",
        "",
        "Submit to result in ms, one at a time: p50 (p99).",
        "",
        *_latency_table(figures),
        "",
        *_left_out(figures),
        "![Latency of hello](img/latency.svg)",
        "",
        *_throughput(figures),
        *_load(figures),
        *_nodes(figures),
        *_floor(figures),
        *_method(figures),
    ]
    return "\n".join(parts) + "\n"


def _claim_row(one: Claim) -> str:
    sign = "≥" if one.at_least else "≤"
    verdict = "met" if one.is_met else "**not met**"
    return f"| {one.text} | {sign} {one.target:.3g} {one.unit} | {one.measured:.3g} {one.unit} | {verdict} |"


def _machine(figures: dict[str, Any]) -> list[str]:
    return [f"- {name}: {value}" for name, value in figures["machine"].items()]


def _latency_table(figures: dict[str, Any]) -> list[str]:
    columns = [(language, program) for language in LANGUAGES for program in ("hello", "heavy")]
    rows = ["| | " + " | ".join(f"{language} {program}" for language, program in columns) + " |"]
    rows.append("|---" * (len(columns) + 1) + "|")
    for side in SIDES:
        cells = [figures["latency"].get(f"{side}|{language}|{program}") for language, program in columns]
        if any(cells):
            texts = [f"{statistics.median(one):.1f} ({percentile(one, 0.99):.0f})" if one else "–" for one in cells]
            rows.append(f"| {side} | " + " | ".join(texts) + " |")
    return rows


def _left_out(figures: dict[str, Any]) -> list[str]:
    reasons = [f"- {side.replace('|', ', ')}: {reason}" for side, reason in figures["left_out"].items()]
    return ["Left out:", "", *reasons, ""] if reasons else []


def _throughput(figures: dict[str, Any]) -> list[str]:
    if not (rates := figures.get("throughput")):
        return []
    rows = ["## Throughput", "", f"Hello per second, over {figures['throughput_seconds']:g} s.", ""]
    rows += ["| | ccx, 8 clients | `docker run`, best of 2, 4 and 8 at a time |", "|---|---|---|"]
    rows += [f"| {name} | {one[WARM]:.1f} | {one[BY_HAND]:.1f} ({one['clients']}) |" for name, one in rates.items()]
    return [*rows, ""]


def _load(figures: dict[str, Any]) -> list[str]:
    if not figures.get("load"):
        return []
    return [
        "## Latency against load",
        "",
        "Python hello, arriving at random moments.",
        "",
        "| offered, per second | p50, ms | p99, ms |",
        "|---|---|---|",
        *(f"| {one['rate']:.1f} | {one['p50']:.1f} | {one['p99']:.1f} |" for one in figures["load"]),
        "",
        "![Latency against load](img/load.svg)",
        "",
    ]


def _nodes(figures: dict[str, Any]) -> list[str]:
    if not (overflow := figures.get("overflow")):
        return []
    rates = figures["nodes"]
    return [
        "## Several nodes",
        "",
        "A Python hello on a slave, asked directly and through a master that runs nothing itself:",
        "",
        "| | p50, ms | p99, ms |",
        "|---|---|---|",
        *(f"| {name} | {statistics.median(one):.1f} | {percentile(one, 0.99):.1f} |" for name, one in overflow.items()),
        "",
        "A Python program that waits half a second, sent to one master; each node has two slots. All nodes are on this "
        "machine, so a program that computes would gain nothing:",
        "",
        "| nodes | per second |",
        "|---|---|",
        *(f"| {count} | {rate:.1f} |" for count, rate in rates.items()),
        "",
    ]


def _floor(figures: dict[str, Any]) -> list[str]:
    if not (rows := figures.get("floor")):
        return []
    return [
        "## What a container costs, by part",
        "",
        "Median ms of one sandbox at a time; of all this, nothing but the first program's own time is on a submission's "
        "way when the pool has one. The last column is the processor time of the whole machine.",
        "",
        *_parts_table(rows),
        *_with_crun(figures.get("floor_crun") or {}),
    ]


def _with_crun(rows: dict[str, dict[str, float]]) -> list[str]:
    if not rows:
        return []
    return [
        'The same with `runtime = "crun"`, on an engine of its own that sees one version of cgroups, in turn with runc:',
        "",
        *_parts_table(rows),
    ]


def _parts_table(rows: dict[str, dict[str, float]]) -> list[str]:
    names = (*PARTS, "busy CPU")
    table = [f"| {name} | " + " | ".join(f"{one[part]:.1f}" for part in names) + " |" for name, one in rows.items()]
    return ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|", *table, ""]


def _method(figures: dict[str, Any]) -> list[str]:
    return [
        "## Method",
        "",
        f"`make bench` ({figures['mode']}). ccx is asked over HTTP on a kept connection, as any client would; before each "
        "sample of any side the pool is full again. `docker run` gets the same image, memory, process and file limits, no "
        "network, no capability, a read-only root. The bare host runs `python3`, `gcc` then `./a.out`, `javac` then `java` "
        "in a fresh directory, without any sandbox. epicbox and llm-sandbox run in an environment of their own, on the same "
        "images with an empty entry point: epicbox 1.1 needs urllib3 before 2, more memory and time than its defaults for "
        "Java, and gets its sources by `put_archive`; llm-sandbox must be told to keep the image, to skip setting up an "
        "environment, and knows no C. The node that is given so many in a row keeps as many sandboxes before as after. A "
        "p99 of few samples is their maximum.",
    ]


def machine() -> dict[str, str]:
    """What all this ran on."""
    info = json.loads(_said("docker", "info", "--format", "{{json .}}") or "{}")
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), ":")
    return {
        "processor": f"{os.cpu_count()} × {cpu.split(':', 1)[1].strip()}",
        "kernel": platform.release(),
        "engine": f"Docker {info.get('ServerVersion')}, {info.get('DefaultRuntime')}, cgroup v{info.get('CgroupVersion')}",
        "host": f"Python {platform.python_version()}, {_said('gcc', '--version')}, {_said('javac', '--version')}",
        "ccx": _said("git", "rev-parse", "--short", "HEAD"),
    }


def _said(*command: str) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
    return said.splitlines()[0] if said else ""
