"""ccx beside `docker run` on engines of three releases, in one run on one machine: `python -m bench.engines`.

The engines are those of `make test-engines` (scripts/setup-engines.sh makes them). On each, a hello in every language by both
sides in turn, one at a time, and then by two to eight clients at once, the best rate of these.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from dataclasses import dataclass

from bench.measure import best_throughput, timed
from bench.programs import Program, hello
from bench.sides import Node, Runs, docker_run, over_http, pool_is_full
from tests.engines.kinds import KINDS, LANGUAGES, Kind, engine_of

ROUNDS = 10
BUSY_SECONDS = 4.0
PAUSE_SECONDS = 0.6  # in which a pool fills up again, and a container is cleared away


@dataclass(frozen=True)
class Row:
    """What came of one language on one engine: medians in milliseconds, and programs a second."""

    kind: str
    language: str
    ccx_ms: float
    docker_ms: float
    ccx_rate: float
    docker_rate: float

    def text(self) -> str:
        """A line of the table in docs/engines.md."""
        times = f"{self.ccx_ms:.0f} | {self.docker_ms:.0f} | {self.docker_ms / self.ccx_ms:.1f}"
        rates = f"{self.ccx_rate:.1f} | {self.docker_rate:.1f} | {self.ccx_rate / self.docker_rate:.2f}"
        return f"| {self.kind} | {self.language} | {times} | {rates} |"


async def measured(name: str, kind: Kind) -> list[Row]:
    """Both sides on an engine of that kind."""
    with engine_of(kind) as engine:
        os.environ["DOCKER_HOST"] = engine.address  # for `docker run`
        try:
            async with Node("bench-engines", 2, DOCKER_HOST=engine.address) as node, over_http(node.url) as ccx:
                await pool_is_full(node.url)
                async with docker_run() as by_hand:
                    return [await _row(name, program, ccx, by_hand, node) for program in map(hello, LANGUAGES)]
        finally:
            del os.environ["DOCKER_HOST"]


async def _row(kind: str, program: Program, ccx: Runs, by_hand: Runs, node: Node) -> Row:
    times: dict[str, list[float]] = {"ccx": [], "docker run": []}
    for number in range(-1, ROUNDS):
        for side, run in (("ccx", ccx), ("docker run", by_hand)):
            await asyncio.sleep(PAUSE_SECONDS)
            sample = await timed(run, program)
            if number >= 0:
                times[side].append(sample)
    rates = [(await best_throughput(run, program, BUSY_SECONDS))[0] for run in (ccx, by_hand)]
    await pool_is_full(node.url)
    return Row(kind, program.language, *map(statistics.median, times.values()), *rates)


async def main(names: list[str]) -> None:
    """Print the table of these engines, or of all."""
    print("| engine | | ccx, ms | docker run, ms | times | ccx, a second | docker run | times |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names or KINDS:
        for row in await measured(name, KINDS[name]):
            print(row.text(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
