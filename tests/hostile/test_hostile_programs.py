"""Every attack gets its verdict, and nobody else notices: in sandboxes that were started ahead, as programs were that
they take over, and some in those that are made for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.hostile.arena import Arena, open_arena
from tests.hostile.attack import MIB, Attack
from tests.hostile.compilers import COMPILERS
from tests.hostile.files import FILES
from tests.hostile.kernel import KERNEL
from tests.hostile.memory import MEMORY
from tests.hostile.network import NETWORK
from tests.hostile.outputs import OUTPUTS
from tests.hostile.processes import PROCESSES
from tests.hostile.runtimes import JAVA, PYTHON
from tests.hostile.secrets import SECRETS

pytestmark = pytest.mark.docker

ROOMS = {
    "processes": PROCESSES,
    "outputs": OUTPUTS,
    "memory": MEMORY,
    "files": FILES,
    "network": NETWORK,
    "kernel": KERNEL,
    "secrets": SECRETS,
    "compilers": COMPILERS,
    "java": JAVA,
    "python": PYTHON,
}
ATTACKS = {f"{room}: {attack.name}": attack for room, attacks in ROOMS.items() for attack in attacks}
# One of each kind that depends on how its program was started; all others do not.
COLD = [
    "processes: fork bomb",
    "processes: fork bomb in Python",
    "processes: thread bomb in Java",
    "processes: kill the runner",
    "memory: a list",
    "memory: a list in Java",
    "java: memory that is not the heap's",
    "java: halt with a status",
    "secrets: files of other submissions",
    "secrets: inherited descriptors",
]


@pytest.fixture(scope="module")
def arena(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(f"{suite}-arena", tmp_path_factory.mktemp("arena")) as arena:
        yield arena
        assert asyncio.run(arena.were_mostly_started_ahead())


@pytest.fixture(scope="module")
def cold_arena(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(f"{suite}-cold-arena", tmp_path_factory.mktemp("cold-arena"), CCX_POOL="false") as arena:
        yield arena


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_gets_its_verdict_and_harms_nobody(attack: Attack, arena: Arena) -> None:
    attack.check(await arena.run(attack))


@pytest.mark.parametrize("name", COLD)
async def test_an_attack_in_a_sandbox_made_for_it_does_so_too(name: str, cold_arena: Arena) -> None:
    attack = ATTACKS[name]
    if attack.language == "java":  # with another heap than the usual it is run by a machine of its own
        attack = replace(attack, limits={"memory_bytes": 128 * MIB} | attack.limits)
    attack.check(await cold_arena.run(attack))
