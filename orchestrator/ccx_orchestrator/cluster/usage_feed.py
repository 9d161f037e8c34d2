"""Readings of this machine, one a second while somebody looks, shared by all who do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ccx.wire import Usage
from ccx_orchestrator.ports.nodes import Machine

SECONDS = 1.0


class UsageFeed:
    """Measures only while it has readers; however many there are, each second is measured once."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._readers: set[asyncio.Queue[Usage]] = set()
        self._measuring: asyncio.Task[None] | None = None

    @property
    def is_measuring(self) -> bool:
        """Whether anybody reads."""
        return self._measuring is not None

    async def readings(self) -> AsyncGenerator[Usage]:
        """A reading now, and then one a second for as long as somebody asks."""
        queue: asyncio.Queue[Usage] = asyncio.Queue(maxsize=1)
        self._readers.add(queue)
        if self._measuring is None:
            self._measuring = asyncio.create_task(self._measure(), name="usage")
        try:
            while True:
                yield await queue.get()
        finally:
            self._readers.discard(queue)
            if not self._readers and self._measuring is not None:
                self._measuring.cancel()
                self._measuring = None

    async def _measure(self) -> None:
        while True:
            reading = self._machine.read()
            for queue in self._readers:
                if queue.full():  # a slow reader gets the newest, not all
                    queue.get_nowait()
                queue.put_nowait(reading)
            await asyncio.sleep(SECONDS)
