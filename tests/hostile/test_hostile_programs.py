"""Every attack gets its verdict, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ccx.client import Client
from ccx.wire import Submission, Verdict
from tests.hostile.attack import Attack
from tests.hostile.compilers import COMPILERS
from tests.hostile.files import FILES
from tests.hostile.kernel import KERNEL
from tests.hostile.memory import MEMORY
from tests.hostile.network import NETWORK
from tests.hostile.outputs import OUTPUTS
from tests.hostile.processes import PROCESSES
from tests.hostile.runtimes import JAVA, PYTHON
from tests.hostile.secrets import SECRETS
from tests.node import NodeProcess, SandboxWatch, eventually, sandboxes_of, submission

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
GONE_SECONDS = 10.0
INNOCENTS_MEANWHILE = 1

# Uses a bit of all that a neighbour might have used up or left behind.
INNOCENT = submission(
    "python",
    """
import os, socket, sys, threading
assert os.listdir(".") == ["main.py"] and not os.listdir("/tmp") and not os.listdir("/dev/shm")
for path in ("file", "/tmp/file", "/dev/shm/file"):
    with open(path, "w") as file:
        file.write("x" * 100_000)
thread = threading.Thread(target=print, args=("thread",))
thread.start()
thread.join()
if os.fork() == 0:
    os._exit(0)
os.wait()
socket.create_server(("127.0.0.1", 8080))
print(sum(map(int, sys.stdin)))
""",
    stdin="".join(f"{number}\n" for number in range(10_000)),
    limits={"cpu_seconds": 2, "wall_seconds": 20, "processes": 3, "memory_bytes": 32 << 20},
)


class Arena:
    """A node of two slots, where one side is hostile and the other is not."""

    def __init__(self, node: NodeProcess, watch: SandboxWatch) -> None:
        self.node = node
        self._watch = watch

    async def run(self, attack: Attack) -> Submission:
        """The attack's result. Meanwhile, and once more when it is over, innocents run and must be well."""
        async with self.node.client() as client, asyncio.timeout(attack.seconds):
            hostile = asyncio.create_task(client.submit(attack.request()))
            for _ in range(INNOCENTS_MEANWHILE):
                await _run_an_innocent(client)
            await asyncio.wait([hostile])
            await _run_an_innocent(client)
            result = await hostile
        await eventually(self._is_clean, "no sandbox and none of its processes on the host", GONE_SECONDS)
        return result

    async def _is_clean(self) -> bool:
        containers = {happening.container for happening in self._watch.all()}
        return not sandboxes_of(self.node.name) and not _processes_of(containers)


async def _run_an_innocent(client: Client) -> None:
    innocent = await client.submit(INNOCENT)
    assert (innocent.verdict, innocent.message) == (Verdict.OK, None)
    assert innocent.cases[0].stdout == "thread\n49995000\n"


def _processes_of(containers: set[str]) -> list[str]:
    """Processes of this machine in a cgroup of one of these containers."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            groups = file.read_text()
        except OSError:
            continue
        if any(container in groups for container in containers):
            found.append(file.parent.name)
    return found


@pytest.fixture(scope="module")
def arena(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    name = f"{suite}-arena"
    folder = tmp_path_factory.mktemp("arena")
    with (
        SandboxWatch(name) as watch,
        NodeProcess(name, folder, "2", CCX_POOL="false", CCX_MAX_BODY_BYTES="150000000") as node,
    ):
        process = psutil.Process(node.process.pid)
        yield Arena(node, watch)
        # Descriptors: a listening socket, an event loop and connections to the engine. Nothing that grows with submissions.
        assert process.num_fds() < 60
        assert process.num_threads() < 20
        assert process.memory_info().rss < 1 << 30


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_gets_its_verdict_and_harms_nobody(attack: Attack, arena: Arena) -> None:
    attack.check(await arena.run(attack))
