"""The wire to one runner: frames over the container's attached socket."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from ccx_orchestrator.docker_host.runner.protocol import BrokenFrame, Complaint, Frame, FrameReader
from ccx_orchestrator.ports.execution import SandboxLost

# The engine multiplexes both outputs of a container: stream (1: output, 2: error), three zero bytes, length.
_MULTIPLEX = struct.Struct(">BxxxI")
_STDOUT = 1
MAX_MULTIPLEXED = 1 << 20  # the engine's own pieces have 32 KiB
MAX_ARRIVED = 32  # frames read ahead: then the runner has to wait, and with it the program
DIAGNOSIS_BYTES = 1_000


class RunnerLink(asyncio.Protocol):
    """Frames to and from one runner. One task receives, one task sends. What is wrong with the runner is raised as
    SandboxLost.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._raw = bytearray()
        self._frames = FrameReader()
        self._arrived: deque[Frame] = deque()
        self._loss: SandboxLost | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_paused = False
        self._on_loss: Callable[[], None] | None = None
        self._is_wanted = True
        self._gone = asyncio.Event()
        self.diagnosis = b""

    @classmethod
    async def open(cls, attached: socket.socket) -> RunnerLink:
        """A link over the engine's attach socket, which it owns from now on."""
        attached.setblocking(False)
        loop = asyncio.get_running_loop()
        if attached.family == socket.AF_UNIX:
            _, link = await loop.create_unix_connection(cls, sock=attached)
        else:
            _, link = await loop.create_connection(cls, sock=attached)
        return link

    @property
    def is_well(self) -> bool:
        """Whether there still is a runner at the other end."""
        return self._loss is None

    def watch(self, on_loss: Callable[[], None] | None) -> None:
        """Have that called, once, when the runner is lost: for as long as nobody receives."""
        self._on_loss = on_loss
        if on_loss is not None and self._loss is not None:
            on_loss()

    async def send(self, data: bytes) -> None:
        """Send one or more frames; waits while the runner is slow to take them."""
        if self._loss is not None:
            raise self._loss
        assert self._transport is not None  # noqa: S101  (`open` returns when there is a connection)
        self._transport.write(data)
        if not self._writable.is_set():
            await self._writable.wait()
            if self._loss is not None:
                raise self._loss

    async def receive(self) -> Frame:
        """The next frame."""
        while not self._arrived:
            if self._loss is not None:
                raise self._loss
            self._resume_reading()
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        found = self._arrived.popleft()
        if isinstance(found, Complaint):
            raise SandboxLost(f"the runner gave up: {found.text}")
        return found

    def hang_up(self) -> None:
        """Nothing more is sent, nothing more is listened to; the runner takes it as the end and kills what it runs."""
        self._on_loss = None
        self._is_wanted = False
        if self._transport is not None:
            if not self._transport.can_write_eof():
                self._transport.abort()
            elif not self._transport.is_closing():
                self._resume_reading()
                self._transport.write_eof()

    async def wait_until_gone(self, seconds: float) -> None:
        """Until the runner has ended, or that long; then the connection is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        self.close()

    def close(self) -> None:
        """Drop the connection at once."""
        self._on_loss = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if not self._is_wanted:
            return
        self._raw += data
        try:
            while (piece := self._next_output()) is not None:
                self._arrived.extend(self._frames.feed(piece))
        except BrokenFrame as error:
            self._lose(SandboxLost(f"the runner sent garbage: {error}"))
        if self._arrived:
            self._wake()
        if len(self._arrived) > MAX_ARRIVED and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._gone.set()
        said = self.diagnosis.decode(errors="replace")
        self._lose(SandboxLost(f"the sandbox was cut off: {exc}" if exc else f"the sandbox ended by itself {said}"))

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._writable.set()

    def _next_output(self) -> bytes | None:
        """The next whole piece of the container's standard output; its standard error is kept as a diagnosis."""
        while len(self._raw) >= _MULTIPLEX.size:
            stream, length = _MULTIPLEX.unpack_from(self._raw)
            if length > MAX_MULTIPLEXED:
                raise BrokenFrame(f"a piece of {length} bytes")
            end = _MULTIPLEX.size + length
            if len(self._raw) < end:
                return None
            data = bytes(self._raw[_MULTIPLEX.size : end])
            del self._raw[:end]
            if stream == _STDOUT:
                return data
            self.diagnosis = (self.diagnosis + data)[-DIAGNOSIS_BYTES:]
        return None

    def _resume_reading(self) -> None:
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _lose(self, loss: SandboxLost) -> None:
        self._loss = self._loss or loss
        self._writable.set()
        self._wake()
        if self._on_loss is not None:
            on_loss, self._on_loss = self._on_loss, None
            on_loss()
