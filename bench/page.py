"""How long a browser that has nothing of the page takes until one can write and run a program."""

from __future__ import annotations

import asyncio

from bench.sides import Node
from tests.web.conftest import chromium

SETTLES_MILLISECONDS = 100
# Looked for at each frame that the browser draws, in milliseconds since the address was asked for.
_WATCH = """
function look() {
  if (document.querySelector(".editor[data-there=true]")) window.cameAt = performance.now();
  else requestAnimationFrame(look);
}
requestAnimationFrame(look);
"""


async def interactive(url: str, rounds: int) -> list[float]:
    """Seconds until the editor takes text, each time in a profile of its own with an empty cache."""
    found = []
    async with chromium() as browser:
        for _ in range(rounds):
            profile = await browser.new_context()
            page = await profile.new_page()
            await page.add_init_script(_WATCH)
            await page.goto(url)
            await page.locator(".editor[data-there=true]").wait_for()
            await page.wait_for_timeout(SETTLES_MILLISECONDS)
            found.append(float(await page.evaluate("window.cameAt")) / 1e3)
            await profile.close()
    return found


async def _main() -> None:
    async with Node("bench-page", 2) as node:
        times = sorted(await interactive(node.url, 20))
    print(f"the page is interactive: median {times[len(times) // 2]:.2f} s, worst of {len(times)} {times[-1]:.2f} s")


if __name__ == "__main__":
    asyncio.run(_main())
