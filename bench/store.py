"""What durability costs: a waiting hello, acceptance, and reading where a million submissions have ended.

    python bench/store.py [--quick] [--postgres URL] [--finished N]

Everything is the real node but its sandboxes: an executor that answers after ten milliseconds stands in for them, so
that what is measured is the store and the API. The database files are in a folder of their own beside this one's
working directory, on a real disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from sqlalchemy import Connection, insert, text

sys.path.insert(0, str(Path(__file__).parents[1]))

from ccx.wire import CaseResult, State, Submission, SubmissionRequest, Verdict
from ccx_orchestrator import logs
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.domain.submission_ids import SubmissionIds
from ccx_orchestrator.metrics import Metrics
from ccx_orchestrator.serving import listen, serving
from ccx_orchestrator.store.blobs import pack
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.store.postgres import open_postgres
from ccx_orchestrator.store.sql import SqlStore
from ccx_orchestrator.store.sqlite import open_sqlite
from ccx_orchestrator.store.tables import results, submissions
from tests.support.fakes import HELLO, FakeCatalogue, FakeExecutor
from tests.support.service import submissions_over

RUN_SECONDS = 0.010
SLOTS = 2
NO_BOUND = 10_000_000
BODY = json.dumps({"language": "demo", "files": [{"name": "hello.dm", "content": HELLO}]})
JSON = {"content-type": "application/json"}
CHUNK = 2_000
CONNECTIONS = 32

Store = MemoryStore | SqlStore


@dataclass
class Scale:
    """How much of it."""

    hellos: int
    accepted: int
    finished: int
    reads: int


FULL = Scale(hellos=400, accepted=4_000, finished=1_000_000, reads=500)
QUICK = Scale(hellos=60, accepted=600, finished=20_000, reads=100)


class Sandboxes(FakeExecutor):
    """Answers hello after as long as a sandbox takes that was started ahead; after `stop`, never."""

    is_stopped = False

    async def run(self, submission_id, plan, emit, controls=None):  # noqa: ANN001, ANN201
        """See `ports.Executor`."""
        if self.is_stopped:
            await asyncio.Event().wait()
        await asyncio.sleep(RUN_SECONDS)
        await super().run(submission_id, plan, emit, controls)


@asynccontextmanager
async def open_store(kind: str, folder: Path, url: str) -> AsyncIterator[Store]:
    """A store of that kind, as empty as it comes."""
    if kind == "memory":
        yield MemoryStore()
    elif kind == "postgres":
        async with open_postgres(url, "bench", "bench", 10) as store:
            yield store
    else:
        async with open_sqlite(folder / f"{kind}.sqlite", "bench", kind.removeprefix("sqlite ")) as store:  # type: ignore[arg-type]
            yield store


@asynccontextmanager
async def node(store: Store, sandboxes: Sandboxes) -> AsyncIterator[httpx2.AsyncClient]:
    """A node behind a real socket, and a client of it."""
    service = submissions_over(store, sandboxes, SLOTS, NO_BOUND)
    app = create_app(Node("bench", service, FakeCatalogue(), 1 << 20, Metrics().page))
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(service.at_work())
        await stack.enter_async_context(serving(app, listening))
        client = httpx2.AsyncClient(base_url=url, timeout=60, limits=httpx2.Limits(max_connections=64))
        yield await stack.enter_async_context(client)
        await service.drain(0)


def check(answer: httpx2.Response, status: int) -> None:
    """Whatever else came would make the figures meaningless."""
    if answer.status_code != status:
        raise RuntimeError(answer.text)


async def timed(act: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """How long each took, in milliseconds, one after the other."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await act()
        took.append((time.perf_counter() - began) * 1000)
    return took


def percentile(values: list[float], percent: int) -> float:
    """Of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def waiting_hello(stores: dict[str, Store], count: int) -> dict[str, list[float]]:
    """Times of a waiting POST on each store, taken in turn so that a noisy machine is as noisy for all."""
    took: dict[str, list[float]] = {kind: [] for kind in stores}
    async with AsyncExitStack() as stack:
        clients = {kind: await stack.enter_async_context(node(store, Sandboxes())) for kind, store in stores.items()}

        async def hello(client: httpx2.AsyncClient) -> None:
            answer = await client.post("/v1/submissions", content=BODY, headers=JSON)
            check(answer, 200)
            if answer.json()["verdict"] != "ok":
                raise RuntimeError(answer.text)

        for client in clients.values():
            await timed(lambda client=client: hello(client), 20)  # type: ignore[misc]
        for _ in range(count):
            for kind, client in clients.items():
                took[kind] += await timed(lambda client=client: hello(client), 1)  # type: ignore[misc]
    return took


async def acceptance(store: Store, count: int) -> tuple[float, float]:
    """Submissions taken in a second with `wait=false`, over HTTP, while both slots are taken for good; and the
    milliseconds of CPU that each takes here. The client is a process of its own.
    """
    sandboxes = Sandboxes()
    sandboxes.is_stopped = True
    async with node(store, sandboxes) as client:
        port = str(client.base_url.port)
        command = (sys.executable, __file__, "--submit", port, str(count))
        cpu = time.process_time()
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        cpu = time.process_time() - cpu
        return count / float(said), cpu / count * 1000


async def submit(port: int, count: int) -> None:
    """A client that costs next to nothing: so many submissions over a few connections; prints the seconds it took."""
    body = BODY.encode()
    head = f"POST /v1/submissions?wait=false HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON['content-type']}\r\n"
    message = head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    left = iter(range(count))

    async def hand_in() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            writer.write(message)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(answer.decode())
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length[15:]))
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(hand_in() for _ in range(CONNECTIONS)))
    print(time.perf_counter() - began)


async def acceptance_of_the_store(store: Store, count: int) -> float:
    """The same without HTTP."""
    sandboxes = Sandboxes()
    sandboxes.is_stopped = True
    service = submissions_over(store, sandboxes, SLOTS, NO_BOUND)
    request = SubmissionRequest.model_validate_json(BODY)
    async with service.at_work():
        left = iter(range(count))

        async def hand_in() -> None:
            for _ in left:
                await service.accept(request)

        began = time.perf_counter()
        await asyncio.gather(*(hand_in() for _ in range(CONNECTIONS)))
        took = time.perf_counter() - began
        await service.drain(0)
    return count / took


async def fill(store: SqlStore, count: int) -> list[str]:
    """That many finished submissions, as they would be after a long time; some of their ids."""
    identities, chance = SubmissionIds(), random.Random(1)  # noqa: S311
    begin = datetime.now(UTC) - timedelta(days=3)
    sample: list[str] = []
    for start in range(0, count, CHUNK):
        made = []
        for number in range(start, min(count, start + CHUNK)):
            at = begin + timedelta(seconds=number * 0.2)
            verdict = chance.choices([Verdict.OK, Verdict.RUNTIME_ERROR, Verdict.INTERNAL_ERROR], [900, 99, 1])[0]
            cases = (CaseResult(name="1", verdict=verdict, stdout=f"{number}\n" * 20),)
            submission = Submission(
                id=identities.next(at.timestamp()),
                state=State.DONE,
                verdict=verdict,
                language=chance.choice(["c", "java", "python"]),
                cases=cases,
                attempt=1,
                created_at=at,
                started_at=at,
                finished_at=at,
            )
            made.append(submission)
        sample += [one.id for one in made[::97]]
        await _insert(store, made)
    return sample


async def _insert(store: SqlStore, made: list[Submission]) -> None:
    bodies = [
        {"id": one.id, "body": await pack(one.model_dump_json(exclude_defaults=True).encode()), "journal": b"x" * 300}
        for one in made
    ]
    rows = [
        {
            "id": one.id,
            "state": one.state,
            "owner": None,
            "attempt": 1,
            "priority": 0,
            "client": "127.0.0.1",
            "language": one.language,
            "verdict": one.verdict,
            "created_at": one.created_at,
            "started_at": one.started_at,
            "finished_at": one.finished_at,
        }
        for one in made
    ]

    def work(connection: Connection) -> None:
        connection.execute(insert(submissions), rows)
        connection.execute(insert(results), bodies)

    await store.transact(work)


async def reading(store: SqlStore, scale: Scale) -> dict[str, list[float]]:
    """Times of lists and of single submissions, over HTTP."""
    sample = await fill(store, scale.finished)
    chance = random.Random(2)  # noqa: S311
    if store.is_shared:
        await store.transact(lambda connection: connection.execute(text("ANALYZE")))
    async with node(store, Sandboxes()) as client:

        async def get(path: str) -> None:
            answer = await client.get(path)
            check(answer, 200)

        asked: dict[str, Callable[[], str]] = {
            "fetch one": lambda: f"/v1/submissions/{chance.choice(sample)}",
            "list 50, newest": lambda: "/v1/submissions?limit=50",
            "list 50, from anywhere": lambda: f"/v1/submissions?limit=50&cursor={chance.choice(sample)}",
            "list 50, rare verdict": lambda: "/v1/submissions?limit=50&verdict=internal_error",
            "list 50, language and verdict": lambda: "/v1/submissions?limit=50&language=c&verdict=runtime_error",
            "list 50, those that run": lambda: "/v1/submissions?limit=50&state=running",
        }
        return {
            name: await timed(lambda path=path: get(path()), scale.reads)  # type: ignore[misc]
            for name, path in asked.items()
        }


async def main(scale: Scale, folder: Path, url: str | None) -> None:
    """Measure it all, and print tables for `docs/benchmarks-store.md`."""
    kinds = ["memory", "sqlite normal", "sqlite full", *(["postgres"] if url else [])]
    async with AsyncExitStack() as stack:
        stores = {kind: await stack.enter_async_context(open_store(kind, folder, url or "")) for kind in kinds}
        print(
            "| waiting hello (10 ms of it in the program) | p50, ms | p99, ms | added to p50, ms |\n|---|---|---|---|"
        )
        took = await waiting_hello(stores, scale.hellos)
        base = percentile(took["memory"], 50)
        for kind, values in took.items():
            p50 = percentile(values, 50)
            print(f"| {kind} | {p50:.2f} | {percentile(values, 99):.2f} | {p50 - base:+.2f} |")
        print("\n| accepted, wait=false | a second over HTTP | CPU of each, ms | a second without HTTP |")
        print("|---|---|---|---|")
        for kind, store in stores.items():
            rate, cpu = await acceptance(store, scale.accepted)
            without = await acceptance_of_the_store(store, scale.accepted)
            print(f"| {kind} | {rate:.0f} | {cpu:.2f} | {without:.0f} |")
    for kind in kinds[2:]:
        async with open_store(kind, folder, url or "") as store:
            print(f"\n| {kind}, {scale.finished:,} finished | p50, ms | p99, ms |\n|---|---|---|")
            for name, values in (await reading(store, scale)).items():
                print(f"| {name} | {percentile(values, 50):.1f} | {percentile(values, 99):.1f} |")


def run() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a few seconds, for a look")
    parser.add_argument("--finished", type=int, help="how many have ended, for reading")
    parser.add_argument("--postgres", metavar="URL", default=os.environ.get("CCX_BENCH_POSTGRES"))
    parser.add_argument("--submit", nargs=2, type=int, metavar=("PORT", "COUNT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.submit:
        asyncio.run(submit(*asked.submit))
        return
    scale = QUICK if asked.quick else FULL
    if asked.finished:
        scale = Scale(scale.hellos, scale.accepted, asked.finished, scale.reads)
    logs.set_up("error")
    folder = Path(tempfile.mkdtemp(prefix=".bench-store-", dir=Path.cwd()))
    try:
        if asked.postgres:
            asyncio.run(main(scale, folder, asked.postgres))
        else:
            from tests.support.postgres import postgres_server

            with postgres_server() as url:
                asyncio.run(main(scale, folder, url))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    run()
