"""One direction of two programs that talk: what the one writes, the other reads."""

from __future__ import annotations

import asyncio

from ccx_orchestrator.docker_host.runner.protocol import MAX_PAYLOAD
from ccx_orchestrator.domain.controls import Control, InputEnded, Typed


class Crossing:
    """The output of one program as the input of another: see `ports.Controls`.

    What is not yet taken waits here. It is bounded by the output limit of the program that wrote it, so neither ever
    keeps the other's runner from being listened to.
    """

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._credit = MAX_PAYLOAD
        self._is_ended = False
        self._news = asyncio.Event()

    def put(self, data: bytes) -> None:
        """The one has written that."""
        self._waiting += data
        self._news.set()

    def end(self) -> None:
        """The one will write nothing more."""
        self._is_ended = True
        self._news.set()

    def taken(self, amount: int) -> None:
        """The other has read so many bytes."""
        self._credit += amount
        self._news.set()

    async def next(self) -> Control:
        """What the other is given next, at the end that there is no more."""
        while True:
            if size := min(len(self._waiting), self._credit):
                piece = bytes(self._waiting[:size])
                del self._waiting[:size]
                self._credit -= size
                return Typed(piece)
            if self._is_ended and not self._waiting:
                self._is_ended = False  # told once
                return InputEnded()
            self._news.clear()
            await self._news.wait()
