"""Something that reports like a node, and answers every submission with rubbish. On the test's own event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat

from ccx.wire import NodeReport

Babble = Callable[[], Iterator[bytes]]

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE_BYTES = 65_536


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def line(**event: object) -> bytes:
    return chunk(json.dumps(event).encode() + b"\n")


QUEUED = line(type="queued", submission_id="../../etc/passwd")
STARTED = line(type="started", node="babbler", language_version="1", attempt=1)
DONE = line(type="done", verdict="ok")
OF_NO_CASE = line(type="output", case=7, stream="stdout", data="x")
NO_BASE64 = line(type="output", case=0, stream="stdout", data="?", encoding="base64")
FLOOD = line(type="output", case=0, stream="stdout", data="x" * PIECE_BYTES)

BABBLES: dict[str, Babble] = {
    "no HTTP": lambda: iter([b"SSH-2.0-OpenSSH_9.2\r\n"]),
    "no answer": lambda: iter([b""]),
    "no JSON": lambda: iter([STREAM, chunk(b"<html>It works!</html>\n"), b"0\r\n\r\n"]),
    "an unknown encoding": lambda: iter([STREAM.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), DONE]),
    "the end before the start": lambda: iter([STREAM, QUEUED, DONE, b"0\r\n\r\n"]),
    "a stream that breaks off": lambda: iter([STREAM, QUEUED, STARTED, b"fff\r\n{"]),
    "a stream without an end": lambda: iter([STREAM, QUEUED, STARTED, b"0\r\n\r\n"]),
    "output of no case": lambda: iter([STREAM, QUEUED, STARTED, OF_NO_CASE, DONE, b"0\r\n\r\n"]),
    "output that is no base64": lambda: iter([STREAM, QUEUED, STARTED, NO_BASE64, DONE, b"0\r\n\r\n"]),
    "another result": lambda: iter([STREAM, line(type="done", verdict="splendid"), b"0\r\n\r\n"]),
    "a line that never ends": lambda: iter_endlessly([STREAM], chunk(b"x" * PIECE_BYTES)),
    "output that never ends": lambda: iter_endlessly([STREAM, QUEUED, STARTED], FLOOD),
    "a refusal that never ends": lambda: iter_endlessly([STREAM.replace(b"200 OK", b"500 No")], FLOOD),
}


def iter_endlessly(first: list[bytes], then: bytes) -> Iterator[bytes]:
    yield from first
    yield from repeat(then)


@dataclass
class Babbler:
    """It answers a submission with what `babble` gives; a lease with `report`, or the same where there is none."""

    babble: Babble
    report: NodeReport | None
    url: str = ""
    asked: int = 0
    told_bytes: int = 0
    _answering: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._answer(reader, writer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; there is never a second on a connection."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                is_lease = head.startswith(b"PUT /v1/leases/")
                self.asked += not is_lease
                said = self._report() if is_lease and self.report is not None else self.babble()
                for piece in said:
                    writer.write(piece)
                    await writer.drain()
                    self.told_bytes += len(piece)
                    await asyncio.sleep(0)
        finally:
            writer.close()

    def _report(self) -> Iterator[bytes]:
        assert self.report is not None
        body = self.report.model_dump_json().encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        yield f"{head}Connection: close\r\n\r\n".encode() + body

    async def silence(self) -> None:
        for task in self._answering:
            task.cancel()
        if self._answering:
            await asyncio.wait(self._answering)


@asynccontextmanager
async def babbling(babble: Babble, report: NodeReport | None) -> AsyncIterator[Babbler]:
    """It listens for as long as the context lasts."""
    babbler = Babbler(babble, report)
    server = await asyncio.start_server(babbler.meet, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    babbler.url = f"http://{host}:{port}"
    try:
        yield babbler
    finally:
        server.close()
        await babbler.silence()
