"""Where attacks are tried: a node with innocents beside, a watch on its sandboxes, and looks at what is left of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ccx.client import Client
from ccx.wire import Submission, Verdict
from tests.hostile.attack import Attack
from tests.support.node import NodeProcess, SandboxWatch, engine_client, eventually, sandboxes_of, submission

GONE_SECONDS = 10.0
IDLE_SHARE = 0.25  # of one processor
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
        await eventually(self.is_clean, "no used sandbox and none of its processes on the host", GONE_SECONDS)
        return result

    async def is_clean(self) -> bool:
        """Whether there is nothing but the sandboxes kept ready, and nothing runs in one that was removed."""
        async with self.node.client() as client:
            kept = sum(shelf.idle + shelf.starting for shelf in (await client.health()).pool)
        return len(sandboxes_of(self.node.name)) <= kept and not processes_of(self.removed())

    async def is_idle(self) -> bool:
        """Whether the node, and what it keeps ready, has next to nothing to do."""
        pids = [self.node.process.pid, *processes_of(self.all_containers() - self.removed())]
        began = _cpu_seconds(pids)
        await asyncio.sleep(1)
        return _cpu_seconds(pids) - began < IDLE_SHARE

    async def were_mostly_started_ahead(self) -> bool:
        """Whether it was sandboxes of the pool that were attacked, in every language."""
        async with self.node.client() as client:
            return all(shelf.warm >= 5 * shelf.cold for shelf in (await client.health()).pool)

    def traces(self) -> list[str]:
        """What removed sandboxes have left on the host: of the engine's processes, mounts and folders."""
        mounts = Path("/proc/mounts").read_text()
        with engine_client() as engine:
            root = Path(engine.info()["DockerRootDir"])
        commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
        folders = (root / "containers", root / "image/overlay2/layerdb/mounts")
        return [
            container
            for container in self.removed()
            if container in mounts
            or any(container in command for command in commands)
            or any((folder / container).exists() for folder in folders)
        ]

    def all_containers(self) -> set[str]:
        """All that the node has had so far."""
        return {happening.container for happening in self._watch.all()}

    def removed(self) -> set[str]:
        """All that were and are gone."""
        return {happening.container for happening in self._watch.all() if happening.action == "destroy"}


def _cpu_seconds(pids: list[int]) -> float:
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            total += sum(psutil.Process(pid).cpu_times()[:2])
    return total


async def _run_an_innocent(client: Client) -> None:
    innocent = await client.submit(INNOCENT)
    assert (innocent.verdict, innocent.message) == (Verdict.OK, None)
    assert innocent.cases[0].stdout == "thread\n49995000\n"


def processes_of(containers: set[str]) -> list[int]:
    """Processes of this machine in a cgroup of one of these containers."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            groups = file.read_text()
        except OSError:
            continue
        if any(container in groups for container in containers):
            found.append(int(file.parent.name))
    return found


@contextmanager
def open_arena(name: str, folder: Path, **environment: str) -> Iterator[Arena]:
    """An arena, of which nothing may be left or have grown when all attacks are over."""
    with (
        SandboxWatch(name) as watch,
        NodeProcess(name, folder, "2", CCX_MAX_BODY_BYTES="150000000", **environment) as node,
    ):
        arena = Arena(node, watch)
        yield arena
        process = psutil.Process(node.process.pid)
        # Descriptors: a listening socket, an event loop, connections to the engine, one to each sandbox kept ready. Nothing
        # that grows with submissions.
        assert process.num_fds() < 60
        assert process.num_threads() < 20
        assert process.memory_info().rss < 1 << 30
        asyncio.run(eventually(arena.is_clean, "no sandbox but those kept ready", GONE_SECONDS))
        asyncio.run(eventually(arena.is_idle, "a node that has nothing to do", GONE_SECONDS))
        assert arena.traces() == []
