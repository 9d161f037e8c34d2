"""Starts the window: one loop for Qt and for what talks to nodes."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import qasync
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from ccx.gui.window import Window


def run(url: str | None, paths: list[Path]) -> int:
    """Show the window until it is closed; with `url` it connects at once, `paths` are opened."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    if not isinstance(app, QApplication):
        raise TypeError("another application of Qt runs in this process")
    app.setApplicationName("ccx")
    app.setQuitOnLastWindowClosed(False)  # what talks to the node is ended first, in good order
    app.setDesktopFileName("ccx")
    app.setWindowIcon(QIcon(str(files("ccx.gui").joinpath("ccx.svg"))))
    qasync.run(_show(url, paths))
    return 0


async def _show(url: str | None, paths: list[Path]) -> None:
    window = Window()
    if paths:
        window.open_files(paths)
    window.show()
    if url:
        window.connection.go(url)
    try:
        await window.closed.wait()
    finally:
        await window.close_down()
