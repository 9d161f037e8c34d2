"""A link that is slow or loses connections: a relay of HTTP between nodes, on the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE_BYTES = 4096
FOR_EVER = float("inf")


@dataclass(frozen=True)
class Fate:
    """What becomes of one request and its answer: how late and how fast the bytes arrive; after how many bytes of the
    answer the connection breaks, or carries nothing more while both sides believe that it stands.
    """

    delay_seconds: float = 0.0
    bytes_per_second: float = FOR_EVER
    breaks_after: float = FOR_EVER
    stalls_after: float = FOR_EVER

    def seconds(self, piece: bytes) -> float:
        return self.delay_seconds + len(piece) / self.bytes_per_second


GOOD = Fate()


@dataclass
class BadLink:
    """Another address of a node. `fate_of` is asked about each request, by its first bytes."""

    target: str
    fate_of: Callable[[bytes], Fate]
    url: str = ""
    broken: int = 0
    stalled: int = 0
    _carrying: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    _sides: list[asyncio.StreamWriter] = field(default_factory=list, repr=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Carry connections for as long as the context lasts."""
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        try:
            yield
        finally:
            server.close()
            for task in self._carrying:
                task.cancel()
            if self._carrying:
                await asyncio.wait(self._carrying)
            for side in self._sides:
                side.transport.abort()

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        """One connection, to the end of either side."""
        self._sides.append(to_near)
        address = urlsplit(self.target)
        try:
            far, to_far = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            to_near.transport.abort()
            return
        self._sides.append(to_far)
        connection = _Connection(self)
        ways = [
            asyncio.create_task(connection.ask(near, to_far)),
            asyncio.create_task(connection.answer(far, to_near)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)
            to_near.close()
            to_far.close()


class _Connection:
    def __init__(self, link: BadLink) -> None:
        self._link = link
        self._fate = GOOD
        self._answered = 0

    async def ask(self, near: asyncio.StreamReader, to_far: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await near.read(PIECE_BYTES):
                if piece.startswith((b"GET ", b"PUT ", b"POST ", b"DELETE ")):
                    self._fate, self._answered = self._link.fate_of(piece), 0
                await asyncio.sleep(self._fate.seconds(piece))
                to_far.write(piece)
                await to_far.drain()

    async def answer(self, far: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await far.read(PIECE_BYTES):
                await asyncio.sleep(self._fate.seconds(piece))
                self._answered += len(piece)
                if self._answered > self._fate.stalls_after:
                    self._link.stalled += 1
                    await asyncio.Event().wait()
                if self._answered > self._fate.breaks_after:
                    self._link.broken += 1
                    to_near.transport.abort()
                    return
                to_near.write(piece)
                await to_near.drain()


@asynccontextmanager
async def bad_link(target: str, fate_of: Callable[[bytes], Fate]) -> AsyncIterator[BadLink]:
    """A link to the node at that URL."""
    link = BadLink(target, fate_of)
    async with link.open():
        yield link
