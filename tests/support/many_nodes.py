"""Hundreds of slaves in one process: each has a loopback address of its own, says that it is well, takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime
from itertools import count

from ccx.wire import LanguageInfo, NodeReport, Usage

A_NET = 250


@asynccontextmanager
async def many_nodes(number: int, languages: tuple[LanguageInfo, ...]) -> AsyncIterator[dict[str, str]]:
    """So many slaves, by name; the URL of each."""
    addresses = {f"127.0.{1 + at // A_NET}.{1 + at % A_NET}": f"pc-{at:03}" for at in range(number)}
    beats = count()

    def report(name: str) -> bytes:
        at = datetime.now(UTC)
        usage = Usage(
            at=at, cpu_percent=next(beats) % 100, memory_bytes=2**30, memory_total_bytes=2**33, load=next(beats) % 4
        )
        return (
            NodeReport(
                name=name,
                incarnation=name,
                started_at=at,
                languages=languages,
                slots=2,
                running=0,
                queued=0,
                forwarded=0,
                held=0,
                draining=True,
                engine="ok",
                usage=usage,
            )
            .model_dump_json()
            .encode()
        )

    answering: set[asyncio.Task[None]] = set()

    def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        answering.add(task)
        task.add_done_callback(answering.discard)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = addresses[writer.get_extra_info("sockname")[0]]
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            while asked := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(": ", 1) for line in asked.decode().splitlines()[1:] if line)
                await reader.readexactly(int(fields.get("content-length", "0")))
                body = report(name)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                    + body
                )
                await writer.drain()

    server = await asyncio.start_server(answer, next(iter(addresses)), 0)
    port = server.sockets[0].getsockname()[1]
    servers = [server]
    try:
        servers += [await asyncio.start_server(answer, address, port) for address in list(addresses)[1:]]
        yield {name: f"http://{address}:{port}" for address, name in addresses.items()}
    finally:
        for one in servers:
            one.close()
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        await asyncio.sleep(0)  # until the connections are closed
