"""A real browser on real nodes. Every page must do without errors, and without a request to anybody but its node."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DEADLINE_MILLISECONDS = 30_000
LOCAL_SCHEMES = {"data", "blob", "about"}

OpensPages = Callable[..., AbstractAsyncContextManager[Page]]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser that the system has."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "the set-up of the tests installs chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(browser: Browser, url: str, *, is_cut_off: bool = False, **context: Any) -> AsyncIterator[Page]:
    """A page of that node, in a profile of its own. `is_cut_off`: that the node does not answer is no error here."""
    options = {"base_url": url, "locale": "en-US", "viewport": {"width": 1280, "height": 800}} | context
    profile = await browser.new_context(**options)
    profile.set_default_timeout(DEADLINE_MILLISECONDS)
    troubles: list[str] = []
    host = urlsplit(url).netloc

    def note_request(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in LOCAL_SCHEMES and address.netloc != host:
            troubles.append(f"a request to {request.url}")

    def note_console(message: ConsoleMessage) -> None:
        # What the node refuses is written there by the browser itself.
        if message.type == "error" and "Failed to load resource" not in message.text:
            troubles.append(message.text)

    page = await profile.new_page()
    page.on("request", note_request)
    page.on("console", note_console)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    try:
        yield page
    finally:
        await profile.close()
    assert is_cut_off or troubles == []


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser
