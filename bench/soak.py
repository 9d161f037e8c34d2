"""make soak: many submissions, a part of them hostile, all at once; then whether anything is left or has grown.

    soak.py [--submissions 3000] [--at-once 32] [--hostile 5] [--write]

One in `--hostile` is an attack of `tests/hostile`. With `--write` the figures go into docs/security.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from ccx.client import Client
from ccx.wire import Submission, SubmissionRequest, Verdict
from tests.hostile.attack import Attack
from tests.hostile.test_hostile_programs import ATTACKS
from tests.node import NodeProcess, containers_with, submission

DOCUMENT = Path(__file__).parents[1] / "docs" / "security.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"
IDLE_SECONDS = 10.0
IDLE_SHARE = 0.25  # of one processor: what is left to sweep up may take this much
WARM_UP = 64
KINDS = {
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }\n',
    "python": "print(sum(map(int, input().split())))\n",
    "java": "public class Main { public static void main(String[] a) {"
    " var s = new java.util.Scanner(System.in); System.out.println(s.nextInt() + s.nextInt()); } }\n",
}
# These take their time, or more than a share of the machine's: one at a time is in the test suite.
TOO_LONG = {"outputs: 100 MB of input that are never read", "java: classes without end"}


@dataclass(frozen=True)
class Level:
    """What there is of the node and the host at one moment."""

    descriptors: int
    threads: int
    memory_bytes: int
    containers: int
    namespaces: int
    processes: int

    @classmethod
    def of(cls, node: NodeProcess) -> Level:
        process = psutil.Process(node.process.pid)
        return cls(
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            memory_bytes=process.memory_info().rss,
            containers=len(containers_with(f"ccx.owner={node.name}")),
            namespaces=_namespaces(),
            processes=len(psutil.pids()),
        )


@dataclass
class Soak:
    """What has come of it so far."""

    submissions: int
    hostile: int
    wrong: list[str] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)

    def note(self, name: str, result: Submission, complaint: str | None) -> None:
        self.verdicts[str(result.verdict)] += 1
        if complaint:
            self.wrong.append(f"{name}: {complaint}")


def _namespaces() -> int:
    """Network namespaces that live processes are in."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(str(path.readlink()))
        except OSError:
            continue
    return len(found)


def plan(soak: Soak) -> list[tuple[str, SubmissionRequest, Attack | None]]:
    """All submissions in the order they are sent; the same every time."""
    order = random.Random(1)  # noqa: S311  (nothing secret)
    attacks = [(name, attack) for name, attack in ATTACKS.items() if name not in TOO_LONG]
    planned: list[tuple[str, SubmissionRequest, Attack | None]] = []
    for number in range(soak.submissions):
        if number % soak.hostile == 0:
            name, attack = attacks[(number // soak.hostile) % len(attacks)]
            planned.append((name, attack.request(), attack))
        else:
            language = order.choice(list(KINDS))
            request = submission(language, KINDS[language], stdin=f"{number} 1\n", limits={"wall_seconds": 60})
            planned.append((f"{language} {number}", request, None))
    return planned


def judge(name: str, result: Submission, attack: Attack | None) -> str | None:
    """What is wrong with a result, if anything is."""
    if attack is not None:
        try:
            attack.check(result)
        except AssertionError as error:
            return f"{result.verdict}: {str(error)[:300]}"
        return None
    expected = f"{int(name.split()[1]) + 1}\n"
    if result.verdict is not Verdict.OK or result.cases[0].stdout != expected:
        return f"{result.verdict}: {result.message}"
    return None


async def send_all(client: Client, soak: Soak, at_once: int) -> None:
    """Keep `at_once` submissions on their way until all are answered."""
    waiting = iter(plan(soak))

    async def work() -> None:
        for name, request, attack in waiting:
            result = await client.submit(request)
            soak.note(name, result, judge(name, result, attack))
            done = soak.verdicts.total()
            if done % 100 == 0:
                sys.stderr.write(f"soak: {done} of {soak.submissions}, {len(soak.wrong)} wrong\n")

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def seconds_until_idle(node: NodeProcess) -> float:
    """Until the node's and its engine's part of the processors is back to next to nothing and no container is left."""
    began = time.monotonic()
    process = psutil.Process(node.process.pid)
    while time.monotonic() - began < 6 * IDLE_SECONDS:
        process.cpu_percent()
        await asyncio.sleep(1)
        if process.cpu_percent() < 100 * IDLE_SHARE and not containers_with(f"ccx.owner={node.name}"):
            break
    return time.monotonic() - began


def report(soak: Soak, before: Level, after: Level, wall_seconds: float, idle_seconds: float) -> str:
    """The figures as a table."""
    rows = [
        ("submissions", f"{soak.submissions}, one in {soak.hostile} hostile"),
        ("taken", f"{wall_seconds:.0f} s, {soak.submissions / wall_seconds:.1f} a second"),
        ("answered wrongly or not at all", f"{len(soak.wrong) + soak.submissions - soak.verdicts.total()}"),
        ("verdicts", ", ".join(f"{verdict} {count}" for verdict, count in soak.verdicts.most_common())),
        ("idle again after", f"{idle_seconds:.0f} s"),
        ("containers", f"{before.containers} → {after.containers}"),
        ("network namespaces", f"{before.namespaces} → {after.namespaces}"),
        ("processes of the host", f"{before.processes} → {after.processes}"),
        ("descriptors of the node", f"{before.descriptors} → {after.descriptors}"),
        ("threads of the node", f"{before.threads} → {after.threads}"),
        ("memory of the node", f"{before.memory_bytes >> 20} MiB → {after.memory_bytes >> 20} MiB"),
    ]
    when = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors"
    lines = [f"| {when} | before → after |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in rows)]
    return "\n".join(lines) + "\n"


def write_into_document(table: str) -> None:
    """Put the table between its two marks."""
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    DOCUMENT.write_text(f"{head}{BEGIN}\n{table}{END}{tail}")


async def run(arguments: argparse.Namespace) -> int:
    soak = Soak(arguments.submissions, arguments.hostile)
    slots = str(arguments.slots or os.cpu_count() or 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        NodeProcess("soak", Path(folder), slots, CCX_LOG_LEVEL="warning", CCX_QUEUE_BOUND="1000") as node,
    ):
        async with node.client() as client:
            # What is allocated once, on first use, is no growth.
            await send_all(client, Soak(WARM_UP, arguments.hostile), arguments.at_once)
            await seconds_until_idle(node)
            before = Level.of(node)
            began = time.monotonic()
            await send_all(client, soak, arguments.at_once)
            wall_seconds = time.monotonic() - began
        idle_seconds = await seconds_until_idle(node)
        after = Level.of(node)
    table = report(soak, before, after, wall_seconds, idle_seconds)
    sys.stdout.write(table)
    for complaint in soak.wrong:
        sys.stdout.write(f"wrong: {complaint}\n")
    if arguments.write:
        write_into_document(table)
    return 1 if soak.wrong or after.containers > before.containers or idle_seconds > IDLE_SECONDS else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=3_000)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--hostile", type=int, default=5, help="one in so many is an attack")
    parser.add_argument("--slots", type=int, default=0, help="the node's slots; 0: as many as processors")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/security.md")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
