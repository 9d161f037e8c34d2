"""The window without a screen, on one loop of Qt and asyncio."""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import qasync
from PySide6.QtCore import QEvent, QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ccx.gui.connection import connect
from ccx.gui.window import Window

DEADLINE_SECONDS = 40.0
PAUSE_SECONDS = 0.02

Flow = Callable[[], Awaitable[None]]


@contextmanager
def loop_of(application: QApplication) -> Iterator[qasync.QEventLoop]:
    loop = qasync.QEventLoop(application, already_running=False)
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        settle(application)
        loop.close()
        asyncio.set_event_loop(None)
        settle(application)


def settle(application: QApplication) -> None:
    """Have Qt do away with what is to be deleted, and Python with what nobody holds, here and now: an event that comes
    later, in the middle of another test, would be for an object that is gone.
    """
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    application.processEvents()
    gc.collect()
    application.processEvents()


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[qasync.QEventLoop]:
    with loop_of(qapp) as loop:
        yield loop


@pytest.fixture
def window(loop: qasync.QEventLoop, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    """A window with settings of its own, shown.

    `qtbot` fails the test for an error in a method that Qt calls. The window closes down on its own loop, not qtbot's.
    """
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("CCX_TOKEN", "CCX_TOKEN_FILE", "CCX_CA"):
        monkeypatch.delenv(name, raising=False)
    window = new_window(tmp_path)
    try:
        yield window
    finally:
        window.close()
        loop.run_until_complete(window.close_down())
        window.deleteLater()


def new_window(folder: Path, tongue: str = "en") -> Window:
    settings = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    settings.setValue("tongue", tongue)
    window = Window(settings, folder)
    window.show()
    return window


@pytest.fixture
def run(loop: qasync.QEventLoop) -> Callable[[Awaitable[Any]], Any]:
    """Runs a flow of a person on the loop of the window."""

    def runs(flow: Awaitable[Any]) -> Any:
        async def within() -> Any:
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await flow

        return loop.run_until_complete(within())

    return runs


async def until(met: Callable[[], object], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Look again and again, while the window lives on."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(PAUSE_SECONDS)


async def shown_node(window: Window, url: str, **credentials: Any) -> None:
    """As if the first page had been answered."""
    window.show_node(await connect(url, **credentials))
    await until(lambda: window.stack.currentWidget() is window.pages, "the pages of the node are shown")
