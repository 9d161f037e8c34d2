"""The threads of a node: all are started with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier


class Threads(ThreadPoolExecutor):
    """So many threads, which are there from now on.

    A ThreadPoolExecutor starts them when it first needs them. Where the host's table of processes is full then, the
    call fails, though its work stays in the queue and is done later: a container whose maker believes that there is
    none, a background task that ends the node.
    """

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, name)
        together = Barrier(count)
        for started in [self.submit(together.wait) for _ in range(count)]:
            started.result()
