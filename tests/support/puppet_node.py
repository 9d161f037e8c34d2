"""The API over real sockets, with executors that tests hold the strings of: no engine is needed."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI

from ccx.client import Client
from ccx.wire import SourceFile, SubmissionRequest
from ccx_orchestrator.access.doorkeeper import Doorkeeper
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.ports.execution import Executor
from ccx_orchestrator.serving import listen, serving
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.submissions.service import Submissions
from tests.support.fakes import FakeCatalogue
from tests.support.service import submissions_over

MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True)
class PuppetNode:
    """A node without an engine."""

    url: str
    submissions: Submissions
    client: Client
    app: FastAPI


@asynccontextmanager
async def puppet_node(executor: Executor, slots: int = 4, uds: Path | None = None) -> AsyncIterator[PuppetNode]:
    """A node on the test's own event loop, behind a TCP socket or that Unix socket."""
    submissions = submissions_over(MemoryStore(), executor, slots)
    if uds is None:
        listening, url = listen_anywhere()
    else:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(uds))
        listening.listen()
        url = "http://ccx"
    async with served(submissions, listening, url, uds=uds) as node:
        yield node


def listen_anywhere() -> tuple[socket.socket, str]:
    """A socket that listens, and its URL."""
    listening = listen("127.0.0.1", 0)
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


@asynccontextmanager
async def served(
    submissions: Submissions,
    listening: socket.socket,
    url: str,
    *,
    uds: Path | None = None,
    doorkeeper: Doorkeeper | None = None,
) -> AsyncIterator[PuppetNode]:
    """A node of those submissions behind that socket. They are drained at the end."""
    doorkeeper = doorkeeper or Doorkeeper()
    app = create_app(Node("puppet", submissions, FakeCatalogue(), MAX_BODY_BYTES, bytes, doorkeeper=doorkeeper))
    async with serving(app, listening), Client(url, uds=uds) as client:
        try:
            yield PuppetNode(url, submissions, client, app)
        finally:
            await submissions.drain(0)


def program(content: str = "") -> SubmissionRequest:
    return SubmissionRequest(language="demo", files=(SourceFile(name="a.dm", content=content),))


@dataclass
class RawAnswer:
    """An answer as it comes in: nothing is read before somebody asks for it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int = 0
    headers: dict[str, str] | None = None

    async def head(self) -> int:
        """Status and headers."""
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        return self.status

    async def pieces(self) -> AsyncIterator[bytes]:
        """The pieces of a chunked body."""
        while size := int((await self.reader.readline()).strip(), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)


@asynccontextmanager
async def raw_request(
    url: str, method: str, path: str, body: bytes = b"", *, receive_bytes: int | None = None, **headers: str
) -> AsyncIterator[RawAnswer]:
    """A request over a socket of its own; leaving the context is going away."""
    address = urlsplit(url)
    connection = socket.socket()
    connection.setblocking(False)
    if receive_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await asyncio.get_running_loop().sock_connect(connection, (address.hostname, address.port))
    limit = receive_bytes or 65_536
    reader, writer = await asyncio.open_connection(sock=connection, limit=limit)
    fields = {"Host": "x", "Content-Length": str(len(body)), "Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    await writer.drain()
    try:
        yield RawAnswer(reader, writer)
    finally:
        writer.transport.abort()


@dataclass(frozen=True)
class ServerSent:
    """One server-sent event."""

    id: str | None
    event: str
    data: str

    @property
    def document(self) -> dict[str, object]:
        found = json.loads(self.data)
        assert isinstance(found, dict)
        return found


async def server_sent(answer: RawAnswer) -> AsyncIterator[ServerSent]:
    """The events of a stream, read as a browser does; comments and `retry` are passed over."""
    rest = b""
    async for piece in answer.pieces():
        *blocks, rest = (rest + piece).split(b"\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
            if "data" in fields:
                yield ServerSent(fields.get("id"), fields["event"], fields["data"])
