"""Stands between a node and its Docker engine, on a Unix socket. Passes everything on until told to be difficult."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

READ_BYTES = 1 << 16
# Changes the body of a "create container"; what it returns is sent instead.
Tamper = Callable[[dict[str, Any]], dict[str, Any]]


class EngineProxy:
    """`address` is what DOCKER_HOST is to say. After `hang` nothing arrives any more, until `go_on`."""

    def __init__(self, path: Path, engine: str, tamper: Tamper | None = None) -> None:
        self.address = f"unix://{path}"
        self._path = path
        self._engine = engine.removeprefix("unix://")
        self._tamper = tamper
        self._passes = asyncio.Event()
        self._passes.set()
        self._connections: set[asyncio.Task[None]] = set()

    def hang(self) -> None:
        self._passes.clear()

    def go_on(self) -> None:
        self._passes.set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[EngineProxy]:
        server = await asyncio.start_unix_server(self._serve, str(self._path))
        try:
            yield self
        finally:
            server.close()
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        to_engine: asyncio.StreamWriter | None = None
        try:
            from_engine, to_engine = await asyncio.open_unix_connection(self._engine)
            await asyncio.gather(self._requests(reader, to_engine), self._bytes(from_engine, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            for each in (writer, to_engine):
                if each is not None:
                    each.close()

    async def _bytes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_BYTES):
            await self._passes.wait()
            writer.write(data)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """As `_bytes`, but for requests that are to be changed: their heads and bodies are read first."""
        while self._tamper is not None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                writer.write(error.partial)
                break
            lines = head.lower().split(b"\r\n")
            length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
            body = await reader.readexactly(length)
            if b"/containers/create" in head or b"/update" in lines[0]:
                body = json.dumps(self._tamper(json.loads(body))).encode()
                kept = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith(b"content-length:")]
                head = b"\r\n".join([*kept, b"Content-Length: %d" % len(body), b"", b""])
            writer.write(head + body)
            await writer.drain()
            if b"/attach" in lines[0]:
                break
        await self._bytes(reader, writer)
