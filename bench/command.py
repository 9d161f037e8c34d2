"""`ccx run hello.py` from the keystroke, beside `docker run` of the same program: `python -m bench.command`."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_CCX = (sys.executable, "-m", "ccx.cli")
OWN_NODE, EMBEDDED, BY_HAND = "ccx run, a node in the background", "ccx run, no node", "docker run"


async def samples(rounds: int) -> dict[str, list[float]]:
    """Seconds of each command, in turn, each a process of its own."""
    return await asyncio.to_thread(_samples, rounds)


def _samples(rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {OWN_NODE: [], EMBEDDED: [], BY_HAND: []}
    with tempfile.TemporaryDirectory(prefix="ccx-bench-") as folder:
        hello = Path(folder) / "hello.py"
        hello.write_text("print('hello')\n")
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CCX_")}
        environment = clean | {"CCX_RUNTIME_DIR": f"{folder}/run"}
        run = (*_CCX, "run", "--quiet", str(hello))
        commands: dict[str, tuple[str, ...]] = {
            OWN_NODE: run,
            EMBEDDED: (*run, "--embedded"),
            BY_HAND: ("docker", "run", "--rm", "-i", "--network=none", "--entrypoint=python3", "ccx-python", "-"),
        }
        subprocess.run((*_CCX, "start", "2"), env=environment, check=True, capture_output=True)
        try:
            for number in range(-2, rounds):
                for name, command in commands.items():
                    time.sleep(0.5)  # for what the one before has left to be cleared away, and the pool to be full
                    began = time.perf_counter()
                    done = subprocess.run(
                        command, env=environment, check=True, capture_output=True, text=True, input=hello.read_text()
                    )
                    took = time.perf_counter() - began
                    if done.stdout != "hello\n":
                        raise RuntimeError(f"{name} printed {done.stdout!r}")
                    if number >= 0:
                        found[name].append(took)
        finally:
            subprocess.run((*_CCX, "stop"), env=environment, check=True, capture_output=True)
    return found


async def main() -> None:
    """Print the medians."""
    found = await samples(20)
    print({name: round(statistics.median(taken), 3) for name, taken in found.items()})


if __name__ == "__main__":
    asyncio.run(main())
