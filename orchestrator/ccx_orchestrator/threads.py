"""Threads that go on where the host can start no more of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


class Threads(ThreadPoolExecutor):
    """So many threads, of which the first is there from now on, and each of the others when it is needed.

    Where a thread cannot be started, because the host's table of processes is full, a ThreadPoolExecutor fails the call
    but keeps its work, and does it later: a container whose maker believes that there is none, a background task that
    ends the node. Here the work waits for the threads that there are.
    """

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, name)
        self.submit(int).result()

    def _adjust_thread_count(self) -> None:
        """Start one more where work waits; called for each new piece of it (in Python 3.2 to 3.14, at least)."""
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            if not self._threads:
                raise
