"""What a node has of its host at one moment, with its sandboxes; and whether that has grown between two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from tests.hostile.arena import Arena, processes_of
from tests.support.node import NodeProcess, sandboxes_of

GROWTH_SHARE = 0.10
GROWTH_BYTES = 8 << 20
# A node's pools (eight threads for the engine, four that read the store) start a thread when one is first needed, which
# then holds a connection.
POOLED_THREADS = 12
HELD_BY_A_THREAD = 3


@dataclass(frozen=True)
class Footprint:
    """Numbers of things. What is there of removed sandboxes is in `traces`: of processes, mounts and folders."""

    descriptors: int
    threads: int
    memory_bytes: int
    containers: int
    namespaces: int = 0
    traces: int = 0

    @classmethod
    def of(cls, arena: Arena) -> Footprint:
        """That of the node of an arena."""
        return replace(
            cls.of_node(arena.node),
            namespaces=len(_namespaces(processes_of(arena.all_containers()))),
            traces=len(arena.traces()) + len(processes_of(arena.removed())),
        )

    @classmethod
    def of_node(cls, node: NodeProcess) -> Footprint:
        """That of a node which nobody has watched: without what removed sandboxes may have left."""
        process = psutil.Process(node.process.pid)
        return cls(
            descriptors=process.num_fds(),
            threads=process.num_threads(),
            memory_bytes=process.memory_info().rss,
            containers=len(sandboxes_of(node.name, node.engine)),
        )

    def growth(self, after: Footprint) -> Iterator[str]:
        """What has become more, a sentence each."""
        started = min(POOLED_THREADS, max(0, after.threads - self.threads))
        allowed = {"threads": started, "descriptors": HELD_BY_A_THREAD * started}
        for name in ("descriptors", "threads", "containers", "namespaces", "traces"):
            was, now = getattr(self, name), getattr(after, name)
            if now > was + allowed.get(name, 0):
                yield f"{name} have grown from {was} to {now}"
        more = after.memory_bytes - self.memory_bytes
        if more > max(GROWTH_BYTES, GROWTH_SHARE * self.memory_bytes):
            yield f"memory has grown from {self.memory_bytes >> 20} MiB to {after.memory_bytes >> 20} MiB"


def _namespaces(pids: list[int]) -> set[str]:
    """The network namespaces that these processes are in."""
    found = set()
    for pid in pids:
        with suppress(OSError):
            found.add(str(Path(f"/proc/{pid}/ns/net").readlink()))
    return found
