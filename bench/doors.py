"""What a door adds to the native call: `python -m bench.doors`."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import httpx2

from bench.sides import Node, pool_is_full

SOURCE = "print(1)\n"
# Address and body of the same run, natively and through each door.
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "native": ("/v1/submissions", {"language": "python", "files": [{"content": SOURCE}]}),
    "piston": ("/api/v2/execute", {"language": "python", "version": "*", "files": [{"content": SOURCE}]}),
    "jobe": ("/jobe/index.php/restapi/runs", {"run_spec": {"language_id": "python3", "sourcecode": SOURCE}}),
    "judge0": ("/judge0/submissions?wait=true", {"language_id": 71, "source_code": SOURCE}),
}


async def samples(rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each call, in turn, on a kept connection to a node with a full pool."""
    found: dict[str, list[float]] = {name: [] for name in CALLS}
    async with Node("bench-doors", 2) as node, httpx2.AsyncClient(base_url=node.url, timeout=60) as http:
        for number in range(-3, rounds):
            for name, (path, body) in CALLS.items():
                await pool_is_full(node.url)
                began = time.perf_counter()
                answer = await http.post(path, json=body)
                took = (time.perf_counter() - began) * 1e3
                if answer.status_code not in {200, 201}:
                    raise RuntimeError(f"{name}: {answer.text[:300]}")
                if number >= 0:
                    found[name].append(took)
    return found


def added(found: dict[str, list[float]]) -> float:
    """The most that a door adds to the median, in milliseconds."""
    medians = {name: statistics.median(taken) for name, taken in found.items()}
    return max(medians.values()) - medians["native"]


async def main() -> None:
    """Print the medians."""
    found = await samples(100)
    print({name: round(statistics.median(taken), 2) for name, taken in found.items()})
    print(f"a door adds at most {added(found):.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
