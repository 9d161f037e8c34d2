"""Makes the pictures of the window in docs/img, without a screen."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import asyncio
import sys
import tempfile
from pathlib import Path

import qasync
from PySide6.QtCore import QSettings
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from ccx.gui.connection import connect
from ccx.gui.model import Case, Document, Workspace
from ccx.gui.window import Window
from tests.support.node import NodeProcess, submission

FOLDER = Path(__file__).parents[1] / "docs/img"
SOURCE = """import sys


def primes(limit):
    sieve = [True] * limit
    for number in range(2, limit):
        if sieve[number]:
            yield number
            for multiple in range(number * number, limit, number):
                sieve[multiple] = False


print(*primes(int(input())))
print("that was all", file=sys.stderr)
"""
BUSY = "import time\nend = time.time() + 30\nwhile time.time() < end: sum(range(20000)); time.sleep(0.02)\n"


async def shoot(node: NodeProcess, scheme: str, tongue: str) -> None:
    """The pages of one theme in one language."""
    with tempfile.TemporaryDirectory() as folder:
        settings = QSettings(f"{folder}/settings.ini", QSettings.Format.IniFormat)
        settings.setValue("tongue", tongue)
        settings.setValue("recent", ["https://ccx.school.example:8700", "http://127.0.0.1:8700"])
        window = Window(settings, Path(folder))
        window.show()
        name = f"{scheme}-{tongue}"
        await asyncio.sleep(0.5)
        window.grab().save(str(FOLDER / f"window-connect-{name}.png"))
        window.show_node(await connect(node.url))
        cases = [Case("small", "10", "2 3 5 7"), Case("one more", "12", "2 3 5 7 11"), Case("none", "2", "1")]
        window.main.show_workspace(Workspace("python", [Document("primes.py", SOURCE)], cases=cases))
        window.main.start()
        await asyncio.sleep(4)
        window.grab().save(str(FOLDER / f"window-program-{name}.png"))
        client = window.main.client
        if client is None:
            raise RuntimeError("not connected")
        busy = [
            await client.submit(submission("python", BUSY, limits={"wall_seconds": 40, "cpu_seconds": 30}), wait=False)
            for _ in range(3)
        ]
        window.pages.setCurrentWidget(window.monitor)
        window.monitor.toggle()
        await asyncio.sleep(8)
        window.grab().save(str(FOLDER / f"window-monitor-{name}.png"))
        for one in busy:
            await client.cancel(one.id)
        window.pages.setCurrentWidget(window.history)
        window.grab().save(str(FOLDER / f"window-history-{name}.png"))
        window.close()
        await window.close_down()


def dark() -> QPalette:
    """As a system in dark gives it: without a screen there is none to ask."""
    palette = QPalette(QColor("#1b2226"), QColor("#20282d"))
    for role, colour in (
        (QPalette.ColorRole.Base, "#141b1f"),
        (QPalette.ColorRole.AlternateBase, "#1a2226"),
        (QPalette.ColorRole.PlaceholderText, "#8b989e"),
        (QPalette.ColorRole.Highlight, "#2c5a4b"),
    ):
        palette.setColor(role, QColor(colour))
    return palette


async def main(application: QApplication) -> None:
    """Both themes in both languages."""
    with tempfile.TemporaryDirectory() as folder, NodeProcess("lab", Path(folder), "2", quiet="yes") as node:
        for scheme, tongue in (("light", "en"), ("dark", "en"), ("light", "fr"), ("dark", "fr")):
            application.setPalette(dark() if scheme == "dark" else application.style().standardPalette())
            await shoot(node, scheme, tongue)


application = QApplication(sys.argv[:1])
application.setStyle("Fusion")
application.setQuitOnLastWindowClosed(False)
qasync.run(main(application))
