"""What tokens and TLS add to the time of an answer, and what pages that watch cost a node."""

from __future__ import annotations

import asyncio
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2

from bench.measure import pool_is_full
from bench.sides import ROOT, Node
from ccx.client import Client
from tests.support.node import free_port

HELLO = {"language": "python", "files": [{"content": "print('hello')"}]}
PAGES = 100
START_SECONDS = 30.0
PAUSE_SECONDS = 0.4  # in which a pool fills up again


async def overhead(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of a Python hello: on a node as it is and on one with locks, in turn; each on a connection that is
    kept and on a new one.
    """
    samples: dict[str, list[float]] = {}
    async with Node("bench-open", 2) as plain, Node("bench-locked", 2, CCX_ACCESS="true", CCX_TLS="true") as locked:
        state = Path(locked.state)
        headers = {"authorization": f"Bearer {_token('bench-locked', state)}"}
        trusted = ssl.create_default_context(cafile=str(state / "tls/authority.pem"))
        await pool_is_full(plain.url)
        await asyncio.sleep(3)
        async with AsyncExitStack() as stack:
            kept = {
                "open": await stack.enter_async_context(httpx2.AsyncClient(base_url=plain.url)),
                "locked": await stack.enter_async_context(
                    httpx2.AsyncClient(base_url=locked.url, headers=headers, verify=trusted)
                ),
            }
            fresh = {"open": (plain.url, {}), "locked": (locked.url, headers)}
            for _ in range(rounds):
                for name, client in kept.items():
                    samples.setdefault(f"{name}, kept", []).append(await _hello(client))
                    await asyncio.sleep(PAUSE_SECONDS)
                for name, (url, more) in fresh.items():
                    began = time.perf_counter()
                    async with httpx2.AsyncClient(base_url=url, headers=more, verify=trusted) as client:
                        await _hello(client)
                    samples.setdefault(f"{name}, new", []).append((time.perf_counter() - began) * 1e3)
                    await asyncio.sleep(PAUSE_SECONDS)
    return samples


async def forwarded(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of a Python hello on kept connections, in turn: on a node itself, and through a master that knows it
    by its certificate.
    """
    samples: dict[str, list[float]] = {"direct": [], "forwarded": []}
    with tempfile.TemporaryDirectory(prefix=".bench-state-", dir=ROOT) as folder:
        state = Path(folder)
        port = free_port()
        _ccx(state, "cluster", "init", "--node", "bench-master")
        token = _ccx(state, "cluster", "join-command", "--token-only", "--node", "bench-master")
        of_slave = {"CCX_JOIN": f"https://127.0.0.1:{port}", "CCX_JOIN_TOKEN": token, "CCX_CLUSTER_PORT": "0"}
        master = Node("bench-master", 2, state=state, CCX_LANGUAGES="none", CCX_CLUSTER_PORT=str(port))
        async with master, Node("bench-slave", 2, CCX_LANGUAGES="python", **of_slave) as slave:
            await pool_is_full(slave.url)
            async with httpx2.AsyncClient(base_url=slave.url) as one, httpx2.AsyncClient(base_url=master.url) as other:
                await _until_it_serves(other)
                for _ in range(rounds):
                    for name, client in (("direct", one), ("forwarded", other)):
                        samples[name].append(await _hello(client))
                        await asyncio.sleep(PAUSE_SECONDS)
    return samples


async def watched(node: Node, seconds: float) -> float:
    """Share of one core of a node that has nothing to do but to tell a hundred pages how it is."""
    await pool_is_full(node.url)
    async with AsyncExitStack() as stack:

        async def watch() -> None:
            client = await stack.enter_async_context(Client(node.url))
            async for _ in client.watch():
                pass

        watching = [asyncio.create_task(watch()) for _ in range(PAGES)]
        await asyncio.sleep(3)
        before, began = node.cpu_seconds(), time.perf_counter()
        await asyncio.sleep(seconds)
        share = (node.cpu_seconds() - before) / (time.perf_counter() - began)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    return share


def added(samples: dict[str, list[float]], kind: str) -> float:
    """Milliseconds that locks add to the median."""
    return statistics.median(samples[f"locked, {kind}"]) - statistics.median(samples[f"open, {kind}"])


def added_by_forwarding(samples: dict[str, list[float]]) -> float:
    """Milliseconds that the way through a master adds to the median."""
    return statistics.median(samples["forwarded"]) - statistics.median(samples["direct"])


async def _until_it_serves(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not (await client.get("/v1/languages")).json():  # noqa: ASYNC110  (it announces nothing)
            await asyncio.sleep(0.1)


async def _hello(client: httpx2.AsyncClient) -> float:
    began = time.perf_counter()
    answer = await client.post("/v1/submissions", json=HELLO)
    took = (time.perf_counter() - began) * 1e3
    result: dict[str, Any] = answer.json()
    if result.get("verdict") != "ok":
        raise RuntimeError(f"hello went wrong: {str(result)[:300]}")
    return took


def _token(node: str, state: Path) -> str:
    return _ccx(state, "token", "create", "bench", "--node", node)


def _ccx(state: Path, *words: str) -> str:
    command = [sys.executable, "-m", "ccx.cli", *words]
    environment = os.environ | {"CCX_STATE_DIR": str(state)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


async def _main() -> None:
    samples = await overhead(40)
    for kind in ("kept", "new"):
        print(f"locks add to the p50 of a Python hello, {kind} connection: {added(samples, kind):.2f} ms")
    print(f"a master adds to the p50 of a Python hello: {added_by_forwarding(await forwarded(40)):.2f} ms")
    async with Node("bench-watched", 2) as node:
        print(f"{PAGES} pages that watch, of one core: {await watched(node, 20):.3f}")


if __name__ == "__main__":
    asyncio.run(_main())
