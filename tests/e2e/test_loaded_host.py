"""Verdicts where the machine has four times as much to do as it has processors."""

from __future__ import annotations

import asyncio
import os

import pytest

from ccx.wire import Verdict
from tests.support.node import StartsNodes, submission

pytestmark = pytest.mark.docker

LOAD = 4
BURN = """
import sys, time
while time.process_time() < float(sys.argv[1]):
    pass
print("done")
"""


async def test_a_busy_machine_makes_no_program_exceed_its_cpu_time(starts_nodes: StartsNodes) -> None:
    at_once = LOAD * (os.cpu_count() or 1)
    node = starts_nodes(max_tasks=at_once, languages="python")
    limits = {"cpu_seconds": 1.0, "wall_seconds": 60}
    within = submission("python", BURN, args=["0.5"], limits=limits)
    beyond = submission("python", BURN, args=["100"], limits=limits)
    async with node.client() as client, asyncio.timeout(100):
        results = await asyncio.gather(
            *(client.submit(beyond if number % 4 == 3 else within) for number in range(at_once))
        )

    for number, result in enumerate(results):
        case = result.cases[0]
        if number % 4 == 3:
            assert (result.verdict, case.limit) == (Verdict.CPU_TIME_LIMIT, "cpu_seconds")
            assert case.cpu_seconds < 1.5
        else:
            assert (result.verdict, case.stdout) == (Verdict.OK, "done\n"), case
            assert 0.4 < case.cpu_seconds < 1.0
    # It was busy indeed: with processors of their own they would have been done in half the time.
    assert sum(result.cases[0].wall_seconds > 1.0 for result in results) > at_once // 2
