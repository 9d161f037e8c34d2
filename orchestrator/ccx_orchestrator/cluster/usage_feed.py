"""Readings of a machine, one a second while somebody looks, shared by all who do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ccx.errors import CcxError, NodeUnreachable
from ccx.wire import Usage
from ccx_orchestrator.ports.nodes import Machine

SECONDS = 1.0


class UsageFeed:
    """Reads one source only while it has readers; however many there are, each second is measured once. `readings_of`
    begins to read; that it ends, or fails with a CcxError, ends all readers with an error.
    """

    def __init__(self, readings_of: Callable[[], AsyncGenerator[Usage]]) -> None:
        self._readings_of = readings_of
        self._readers: set[asyncio.Queue[Usage | CcxError]] = set()
        self._measuring: asyncio.Task[None] | None = None

    @property
    def is_measuring(self) -> bool:
        """Whether anybody reads."""
        return self._measuring is not None

    async def readings(self) -> AsyncGenerator[Usage]:
        """A reading now, and then one a second for as long as somebody asks. Raises CcxError."""
        queue: asyncio.Queue[Usage | CcxError] = asyncio.Queue(maxsize=1)
        self._readers.add(queue)
        if self._measuring is None:
            self._measuring = asyncio.create_task(self._measure(), name="usage")
        try:
            while True:
                told = await queue.get()
                if isinstance(told, CcxError):
                    raise told
                yield told
        finally:
            self._readers.discard(queue)
            if not self._readers and self._measuring is not None:
                self._measuring.cancel()
                self._measuring = None

    async def _measure(self) -> None:
        try:
            async with aclosing(self._readings_of()) as readings:
                async for reading in readings:
                    self._tell(reading)
            self._end(NodeUnreachable("The node tells no more."))
        except CcxError as error:
            self._end(error)

    def _end(self, error: CcxError) -> None:
        """Whoever comes from now on has the source read anew."""
        self._measuring = None
        self._tell(error)
        self._readers = set()

    def _tell(self, told: Usage | CcxError) -> None:
        for queue in self._readers:
            if queue.full():  # a slow reader gets the newest, not all
                queue.get_nowait()
            queue.put_nowait(told)


async def readings_of_this(machine: Machine) -> AsyncGenerator[Usage]:
    """This machine, once a second."""
    while True:
        yield machine.read()
        await asyncio.sleep(SECONDS)
