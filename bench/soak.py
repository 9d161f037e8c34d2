"""make soak: many submissions, a part of them hostile, all at once; then whether anything is left or has grown.

    soak.py [--submissions 3000] [--at-once 32] [--hostile 5] [--write]

One in `--hostile` is an attack of `tests/hostile`, in an order that is shuffled but the same every time; all come before
any comes again. Exit status 1 where an answer was wrong or something has grown. With `--write` the figures go into
docs/security.md.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.footprint import Footprint
from ccx.client import Client
from ccx.errors import CcxError
from ccx.wire import Submission, SubmissionRequest, Verdict
from tests.hostile.arena import Arena
from tests.hostile.attack import Attack
from tests.hostile.test_hostile_programs import ATTACKS
from tests.support.node import NodeProcess, SandboxWatch, submission

DOCUMENT = Path(__file__).parents[1] / "docs" / "security.md"
IDLE_SECONDS = 10.0
WARM_UP = 64
# The largest there is of what is allocated on first use: it belongs to the warm-up.
LARGEST = "outputs: 100 MB of input that are never read"
KINDS = {
    "c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }\n',
    "python": "print(sum(map(int, input().split())))\n",
    "java": "public class Main { public static void main(String[] a) {"
    " var s = new java.util.Scanner(System.in); System.out.println(s.nextInt() + s.nextInt()); } }\n",
}
# The pool is as large before as it is after, so that all there is can be compared.
ENVIRONMENT = {
    "CCX_LOG_LEVEL": "warning",
    "CCX_QUEUE_BOUND": "1000",
    "CCX_MAX_BODY_BYTES": "150000000",
    "CCX_POOL_MINIMUM": "2",
    "CCX_POOL_MAXIMUM": "2",
}
Planned = tuple[str, SubmissionRequest, Attack | None]


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


def _attacks(order: random.Random) -> Iterator[str]:
    """The names of attacks without end, each once before any comes again."""
    names = sorted(ATTACKS)
    while True:
        order.shuffle(names)
        yield from names


def endless(hostile: int) -> Iterator[Planned]:
    """Submissions in the order they are sent, one in so many hostile; the same every time."""
    order = random.Random(1)  # noqa: S311  (nothing secret)
    attacks = _attacks(order)
    for number in itertools.count():
        yield _attack(next(attacks)) if number % hostile == 0 else _sum(order.choice(list(KINDS)), number)


def plan(soak: Soak) -> list[Planned]:
    """All submissions of a soak."""
    return list(itertools.islice(endless(soak.hostile), soak.submissions))


def warm_up() -> list[Planned]:
    """What is allocated once, on first use, is no growth: some of every kind."""
    return [_attack(LARGEST), *plan(Soak(WARM_UP, 2))]


def _attack(name: str) -> Planned:
    return name, ATTACKS[name].request(), ATTACKS[name]


def _sum(language: str, number: int) -> Planned:
    request = submission(language, KINDS[language], stdin=f"{number} 1\n", limits={"wall_seconds": 60})
    return f"{language} {number}", request, None


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


async def send_all(client: Client, planned: list[Planned], soak: Soak, at_once: int) -> None:
    """Keep `at_once` submissions on their way until all are answered."""
    waiting = iter(planned)

    async def work() -> None:
        for name, request, attack in waiting:
            try:
                result = await client.submit(request)
            except CcxError as error:
                soak.wrong.append(f"{name}: not answered: {error}")
                continue
            soak.note(name, result, judge(name, result, attack))
            done = soak.verdicts.total()
            if done % 100 == 0:
                sys.stderr.write(f"soak: {done} of {len(planned)}, {len(soak.wrong)} wrong\n")

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def seconds_until_idle(arena: Arena) -> float:
    """Until the node and its sandboxes have next to nothing to do, and there are none but those it keeps ready."""
    began = time.monotonic()
    while time.monotonic() - began < 6 * IDLE_SECONDS:
        if await arena.is_idle() and await arena.is_clean():
            break
    return time.monotonic() - began


def report(soak: Soak, before: Footprint, after: Footprint, wall_seconds: float, idle_seconds: float) -> str:
    """The figures as a table."""
    rows = [
        ("submissions", f"{soak.submissions}, one in {soak.hostile} hostile"),
        ("taken", f"{wall_seconds:.0f} s, {soak.submissions / wall_seconds:.1f} a second"),
        ("answered wrongly or not at all", f"{len(soak.wrong)}"),
        ("verdicts", ", ".join(f"{verdict} {count}" for verdict, count in soak.verdicts.most_common())),
        ("idle again after", f"{idle_seconds:.0f} s"),
        ("containers, all kept ready", f"{before.containers} → {after.containers}"),
        ("their network namespaces", f"{before.namespaces} → {after.namespaces}"),
        ("processes, mounts and folders of removed ones", f"{before.traces} → {after.traces}"),
        ("descriptors of the node", f"{before.descriptors} → {after.descriptors}"),
        ("threads of the node", f"{before.threads} → {after.threads}"),
        ("memory of the node", f"{before.memory_bytes >> 20} MiB → {after.memory_bytes >> 20} MiB"),
    ]
    when = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors"
    lines = [f"| {when} | before → after |", "|---|---|", *(f"| {name} | {figure} |" for name, figure in rows)]
    return "\n".join(lines) + "\n"


def complaints(soak: Soak, before: Footprint, after: Footprint, idle_seconds: float) -> list[str]:
    """All that is not as it should be, a sentence each."""
    found = [f"wrong: {complaint}" for complaint in soak.wrong]
    if soak.verdicts.total() + len(soak.wrong) < soak.submissions:
        found.append(f"only {soak.verdicts.total()} of {soak.submissions} were answered")
    if idle_seconds > IDLE_SECONDS:
        found.append(f"the host was busy for {idle_seconds:.0f} s after the last answer")
    return found + list(before.growth(after))


def write_into_document(table: str, name: str = "soak") -> None:
    """Put the table between the two marks of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = DOCUMENT.read_text()
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    DOCUMENT.write_text(f"{head}{begin}\n{table}{end}{tail}")


async def run(arguments: argparse.Namespace) -> int:
    soak = Soak(arguments.submissions, arguments.hostile)
    slots = str(arguments.slots or os.cpu_count() or 1)
    name = f"soak-{os.getpid()}"
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxWatch(name) as watch,
        NodeProcess(name, Path(folder), slots, **ENVIRONMENT) as node,
    ):
        arena = Arena(node, watch)
        await _send(arena, warm_up(), Soak(WARM_UP, 2), arguments.at_once)
        await seconds_until_idle(arena)
        before = Footprint.of(arena)
        began = time.monotonic()
        await _send(arena, plan(soak), soak, arguments.at_once)
        wall_seconds = time.monotonic() - began
        idle_seconds = await seconds_until_idle(arena)
        after = Footprint.of(arena)
    table = report(soak, before, after, wall_seconds, idle_seconds)
    sys.stdout.write(table)
    wrong = complaints(soak, before, after, idle_seconds)
    for complaint in wrong:
        sys.stdout.write(f"soak: {complaint}\n")
    if arguments.write:
        write_into_document(table)
    return 1 if wrong else 0


async def _send(arena: Arena, planned: list[Planned], soak: Soak, at_once: int) -> None:
    async with arena.node.client() as client:
        await send_all(client, planned, soak, at_once)


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
