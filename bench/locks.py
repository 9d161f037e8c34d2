"""What tokens and TLS add to the time of an answer, and what pages that watch cost a node."""

from __future__ import annotations

import asyncio
import os
import ssl
import statistics
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2

from bench.measure import pool_is_full
from bench.sides import Node
from ccx.client import Client

HELLO = {"language": "python", "files": [{"content": "print('hello')"}]}
PAGES = 100
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


async def _hello(client: httpx2.AsyncClient) -> float:
    began = time.perf_counter()
    answer = await client.post("/v1/submissions", json=HELLO)
    took = (time.perf_counter() - began) * 1e3
    result: dict[str, Any] = answer.json()
    if result.get("verdict") != "ok":
        raise RuntimeError(f"hello went wrong: {str(result)[:300]}")
    return took


def _token(node: str, state: Path) -> str:
    command = [sys.executable, "-m", "ccx.cli", "token", "create", "bench", "--node", node]
    environment = os.environ | {"CCX_STATE_DIR": str(state)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


async def _main() -> None:
    samples = await overhead(40)
    for kind in ("kept", "new"):
        print(f"locks add to the p50 of a Python hello, {kind} connection: {added(samples, kind):.2f} ms")
    async with Node("bench-watched", 2) as node:
        print(f"{PAGES} pages that watch, of one core: {await watched(node, 20):.3f}")


if __name__ == "__main__":
    asyncio.run(_main())
