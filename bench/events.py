"""What it takes for an event to reach its readers: one of them, and 200 of one submission.

    python bench/events.py [--readers 200] [--lines 200] [--interval 0.02]

Starts a node of its own on the local Docker engine. A program prints the time, line by line; each reader, over a
socket of its own, takes the difference to its own clock. What is measured is the whole way: the program's pipe, the
runner, the engine, the node and the reader. Printed are milliseconds; and from `cancel` to its answer, which has the
result.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from ccx.client import Client
from ccx.wire import SourceFile, SubmissionRequest

CANCELS = 10
CLOCK = """
import time
time.sleep(1)
for _ in range({lines}):
    print(time.time_ns(), flush=True)
    time.sleep({interval})
"""


@dataclass(frozen=True)
class Read:
    """What one reader saw: milliseconds per line, ids in order."""

    delays: list[float]
    ids: list[str]


@contextmanager
def node() -> Iterator[str]:
    """A node's address."""
    command = [sys.executable, "-m", "ccx.cli", "serve", "2", "--port", "0", "--name", "bench-events"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = next(line for line in process.stderr or () if " on http://" in line)
            yield line.split(" on ", 1)[1].split()[0]
        finally:
            process.terminate()


@asynccontextmanager
async def stream(url: str, submission_id: str) -> AsyncIterator[asyncio.StreamReader]:
    """The lines of an event stream."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    path = f"/v1/submissions/{submission_id}/events"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield reader
    finally:
        writer.close()


async def read(url: str, submission_id: str) -> Read:
    """Read it to its end."""
    seen = Read([], [])
    async with stream(url, submission_id) as reader:
        while line := await reader.readline():
            if not line.startswith(b"{"):
                continue
            event = json.loads(line)
            if event["id"]:
                seen.ids.append(event["id"])
            if event["type"] == "output":
                now = time.time_ns()
                seen.delays.extend((now - int(text)) / 1e6 for text in event["data"].split())
            elif event["type"] == "done":
                break
    return seen


def program(source: str) -> SubmissionRequest:
    """A request to run it."""
    return SubmissionRequest(language="python", files=(SourceFile(name="main.py", content=source),))


async def fan_out(client: Client, url: str, readers: int, source: str) -> None:
    """Print how long lines take to so many readers."""
    submission = await client.submit(program(source), wait=False)
    seen = await asyncio.gather(*(read(url, submission.id) for _ in range(readers)))
    if any(one.ids != seen[0].ids for one in seen):
        sys.exit("a reader missed something")
    delays = sorted(delay for one in seen for delay in one.delays)
    p50, p99 = statistics.median(delays), delays[int(len(delays) * 0.99)]
    print(f"{readers:4} readers: p50 {p50:7.2f}  p99 {p99:7.2f}  most {delays[-1]:7.2f}  lines read {len(delays)}")


async def cancels(client: Client) -> None:
    """Print how long a cancel takes."""
    took = []
    for _ in range(CANCELS):
        submission = await client.submit(program("import time\nprint(1, flush=True)\ntime.sleep(60)\n"), wait=False)
        async for event in client.events(submission.id):
            if event.type == "output":
                break
        began = time.perf_counter()
        await client.cancel(submission.id)
        took.append((time.perf_counter() - began) * 1e3)
    print(f"cancel to its answer: p50 {statistics.median(took):.2f}  most {max(took):.2f}")


async def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--interval", type=float, default=0.02, help="seconds between two lines")
    asked = parser.parse_args()
    source = CLOCK.format(lines=asked.lines, interval=asked.interval)
    with node() as url:
        async with Client(url) as client:
            for readers in (1, asked.readers):
                await fan_out(client, url, readers, source)
            await cancels(client)


asyncio.run(main())
