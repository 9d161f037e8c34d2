"""Makes the pictures of the page in docs/img, from a node and two slaves that run programs meanwhile."""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.support.node import NodeProcess, submission
from tests.web.conftest import chromium, page_of

FOLDER = Path(__file__).parents[1] / "docs/img"
SOURCE = """def primes(limit):
    sieve = [True] * limit
    for number in range(2, limit):
        if sieve[number]:
            yield number
            sieve[number * number :: number] = [False] * len(range(number * number, limit, number))


print(*primes(int(input())))
"""
CASES = [
    {"name": "small", "stdin": "10\n", "expected": "2 3 5 7\n"},
    {"name": "one more", "stdin": "12\n", "expected": "2 3 5 7 11\n"},
    {"name": "none", "stdin": "2\n", "expected": "1\n"},
]
BUSY = "import time\nend = time.time() + 30\nwhile time.time() < end: sum(range(20000)); time.sleep(0.02)\n"
LIMITS = {"wall_seconds": 40, "cpu_seconds": 30}


async def main() -> None:
    """All of them, in both themes."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as nodes:

        def start(name: str, slots: str, *arguments: str) -> NodeProcess:
            return nodes.enter_context(
                NodeProcess(name, Path(folder), slots, *arguments, quiet="yes", CCX_POOL="false")
            )

        slaves = [
            start(name, "3", "--languages", languages) for name, languages in (("h1", "python,c"), ("h2", "python"))
        ]
        master = start("lab", "2", *(word for slave in slaves for word in ("--slave", slave.url)))
        async with chromium() as browser:
            for scheme in ("light", "dark"):
                await show(browser, master, scheme)


async def show(browser, node, scheme) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """The three views."""
    async with page_of(browser, node.url, color_scheme=scheme) as page, node.client() as client:
        await page.goto("/")
        kept = {"language": "python", "files": [{"name": "primes.py", "content": SOURCE}], "cases": CASES}
        await page.evaluate("kept => localStorage.setItem('ccx.program', kept)", json.dumps(kept))
        await page.reload()
        await page.locator(".editor[data-there=true]").wait_for()
        await page.keyboard.press("Control+Enter")
        await page.locator(".difference").wait_for()
        await page.screenshot(path=FOLDER / f"page-run-{scheme}.png")
        busy = [await client.submit(submission("python", BUSY, limits=LIMITS), wait=False) for _ in range(12)]
        await page.goto("/cluster")
        await asyncio.sleep(12)
        await page.screenshot(path=FOLDER / f"page-cluster-{scheme}.png")
        await page.goto("/submissions")
        await page.locator("tbody tr").first.wait_for()
        await page.screenshot(path=FOLDER / f"page-submissions-{scheme}.png")
        for one in busy:
            await client.cancel(one.id)


asyncio.run(main())
