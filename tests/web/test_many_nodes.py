"""A school with five hundred computers: the view of the cluster stays usable."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from ccx.wire import Announcement
from tests.support.many_nodes import many_nodes
from tests.support.node import StartsNodes
from tests.web.conftest import page_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

NODES = 500
MOST_MILLISECONDS_AT_A_TIME = 400  # that the page may work without looking at its user, on two busy cores


async def test_five_hundred_nodes_are_seen_found_and_do_not_hold_the_page_up(
    starts_nodes: StartsNodes, browser: Browser
) -> None:
    master = starts_nodes(languages="python", max_tasks=1)
    async with master.client() as client, many_nodes(NODES, await client.languages()) as nodes:
        for name, url in nodes.items():
            await client.announce(name, Announcement(url=url))
        async with page_of(browser, master.url) as page:
            await page.goto("/cluster")
            await expect(page.get_by_text(re.compile(rf"of {NODES + 1} nodes"))).to_be_visible()
            await expect(page.locator("tbody tr")).to_have_count(NODES + 1)
            await expect(page.locator("tbody tr", has_text="Draining")).to_have_count(NODES)
            await page.evaluate(
                """() => {
                    window.longest = 0;
                    new PerformanceObserver((list) => {
                        for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
                    }).observe({ type: "longtask" });
                }"""
            )
            search = page.get_by_role("searchbox", name="Find nodes")
            await search.fill("pc-42")
            await expect(page.locator("tbody tr")).to_have_count(10)
            await page.wait_for_timeout(4000)  # several rounds of news
            await search.fill("")
            await expect(page.locator("tbody tr")).to_have_count(NODES + 1)
            assert await page.evaluate("window.longest") < MOST_MILLISECONDS_AT_A_TIME
            await page.goto("/")
            await page.locator(".editor[data-there=true]").wait_for()
