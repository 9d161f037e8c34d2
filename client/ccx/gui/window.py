"""The window: the connection page, and behind it the pages of a node."""

from __future__ import annotations

import asyncio
import traceback
from contextlib import AsyncExitStack
from pathlib import Path

import platformdirs
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QComboBox, QLabel, QListWidget, QMainWindow, QPushButton, QStackedWidget, QTabWidget

from ccx.cli.embedded import embedded_node
from ccx.client import Client
from ccx.errors import CcxError
from ccx.gui.connection import Connected
from ccx.gui.connection_page import ConnectionPage
from ccx.gui.kept import Kept
from ccx.gui.main_page import MainPage
from ccx.gui.model import Workspace
from ccx.gui.monitor import Monitor
from ccx.gui.offer import Offer
from ccx.gui.running import Run
from ccx.gui.tasks import Tasks
from ccx.gui.widgets import named
from ccx.words import TONGUES, Words

KEPT_AFTER_MILLISECONDS = 500
MOST_RECENT = 8
MOST_RUNS = 50


class Window(QMainWindow):
    """Owns what the pages share: tasks, words, the connection, and what is kept between two starts."""

    def __init__(self, settings: QSettings | None = None, kept_in: Path | None = None) -> None:
        super().__init__()
        self.settings = settings or QSettings("ccx", "ccx")
        self._kept = Kept(kept_in or platformdirs.user_state_path("ccx"))
        self._before = self._kept.before()
        self.say = Words(str(self.settings.value("tongue", "")) or None)
        self.tasks = Tasks(self._complain)
        self._node = AsyncExitStack()
        self._runs: list[tuple[Run, Workspace]] = []
        self.closed = asyncio.Event()
        self._keeping = QTimer(self, singleShot=True, interval=KEPT_AFTER_MILLISECONDS)
        self._keeping.timeout.connect(self._keep)
        restored = self._kept.now()
        self._build(restored or Workspace())
        if restored or self._before:
            self.offer.show_offer(has_before=self._before is not None)
        self.setWindowTitle("ccx")
        self.resize(1200, 800)
        if geometry := self.settings.value("geometry"):
            self.restoreGeometry(geometry)

    def _build(self, workspace: Workspace) -> None:
        say = self.say
        self.connection = ConnectionPage(say, self.tasks, self._recent())
        self.connection.connected.connect(self.show_node)
        self.connection.wants_local.connect(lambda: self.tasks.start(self._start_here()))
        self.main = MainPage(say, self.tasks, workspace)
        self.main.changed.connect(self._keeping.start)
        self.main.ended.connect(self._remember)
        self.offer = named(Offer(say), is_hidden=True)
        self.offer.taken.connect(self._take_other_text)
        self.offer.closed.connect(self._forget_other_text)
        self.main.put_above(self.offer)
        self.monitor = Monitor(say, self.tasks)
        self.history = named(QListWidget(), say("window.history"))
        self.history.itemActivated.connect(lambda item: self._show_again(self.history.row(item)))
        self.pages = QTabWidget()
        for page, word in ((self.main, "program"), (self.monitor, "monitor"), (self.history, "history")):
            self.pages.addTab(page, say(f"window.{word}"))
        leave = QPushButton(say("window.disconnect"))
        leave.clicked.connect(lambda: self.tasks.start(self.leave_node()))
        self.pages.setCornerWidget(leave)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.connection)
        self.stack.addWidget(self.pages)
        self.setCentralWidget(self.stack)
        self.told = QLabel()
        tongue = named(QComboBox(), say("language.choice"))
        tongue.addItems([name.upper() for name in TONGUES])
        tongue.setCurrentText(say.tongue.upper())
        tongue.activated.connect(lambda _: self._speak(tongue.currentText().lower()))
        self.statusBar().addWidget(self.told, 1)
        self.statusBar().addPermanentWidget(tongue)

    # A node

    def show_node(self, found: Connected) -> None:
        """Work with that node."""
        self.main.of(found.client, found.languages)
        self.monitor.of(found.client)
        self._node.push_async_exit(found.client.__aexit__)
        self.told.setText(self.say("window.connected", node=found.health.node, address=found.address))
        self.settings.setValue(
            "recent", [found.address, *(one for one in self._recent() if one != found.address)][:MOST_RECENT]
        )
        self.stack.setCurrentWidget(self.pages)
        self.main.editor.setFocus()

    async def leave_node(self) -> None:
        """Back to the first page."""
        self.monitor.of(None)
        self.main.of(None, ())
        await self._node.aclose()
        self._node = AsyncExitStack()
        self.told.clear()
        self.connection.recent.clear()
        self.connection.recent.addItems(self._recent())
        self.stack.setCurrentWidget(self.connection)

    async def _start_here(self) -> None:
        """A node on this computer, for as long as the window is with it."""
        self.connection.trouble.setText(self.say("window.connecting"))
        try:
            uds = await self._node.enter_async_context(embedded_node())
            client = await self._node.enter_async_context(Client(uds=uds))
            health, languages = await asyncio.gather(client.health(), client.languages())
        except CcxError as error:
            self.connection.trouble.setText(str(error))
            return
        self.connection.trouble.clear()
        self.main.of(client, languages)
        self.monitor.of(client)
        self.told.setText(self.say("window.connected", node=health.node, address=self.say("window.here")))
        self.stack.setCurrentWidget(self.pages)
        self.main.editor.setFocus()

    # What is kept

    def _recent(self) -> list[str]:
        found = self.settings.value("recent") or []
        return [found] if isinstance(found, str) else [str(one) for one in found]

    def open_files(self, paths: list[Path]) -> None:
        """Those that the window was started with. What was there before is kept and offered."""
        if self.main.workspace != Workspace():
            self._swap_in(Workspace())
        self.main.open_paths(paths)

    def _keep(self) -> None:
        """Beside, so that nothing that was typed is lost, whatever ends the window."""
        self._kept.keep(self.main.workspace)

    def _take_other_text(self) -> None:
        self._swap_in(self._before or Workspace())

    def _swap_in(self, workspace: Workspace) -> None:
        shown = self.main.workspace
        self._before = None if shown == Workspace() else shown
        self._kept.keep_before(self._before)
        self.main.show_workspace(workspace)
        self.offer.show_offer(has_before=self._before is not None)

    def _forget_other_text(self) -> None:
        self._before = None
        self._kept.keep_before(None)
        self.offer.hide()

    def _remember(self, run: Run) -> None:
        if run.result and run.result.verdict:
            self._runs.insert(0, (run, Workspace.from_json(self.main.workspace.to_json())))
            name = self.main.workspace.documents[0].name
            self.history.insertItem(0, f"{name}: {self.say(f'word.{run.result.verdict}')} (…{run.result.id[-6:]})")
            if len(self._runs) > MOST_RUNS:
                self._runs.pop()
                self.history.takeItem(self.history.count() - 1)

    def _show_again(self, row: int) -> None:
        run, workspace = self._runs[row]
        self.main.show_run(run, Workspace.from_json(workspace.to_json()))
        self.pages.setCurrentWidget(self.main)

    def _speak(self, tongue: str) -> None:
        """From now on in another language: the pages are made anew."""
        self.settings.setValue("tongue", tongue)
        self.say = Words(tongue)
        client, languages = self.main.client, self.main.languages
        told, is_inside = self.told.text(), self.stack.currentWidget() is self.pages
        is_offered = self.offer.isVisibleTo(self.main)
        self.monitor.stop()
        self._build(self.main.workspace)
        self.main.of(client, languages)
        self.monitor.of(client)
        self.told.setText(told)
        if is_offered:
            self.offer.show_offer(has_before=self._before is not None)
        if is_inside:
            self.stack.setCurrentWidget(self.pages)

    # The end

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """See `QWidget`."""
        self.settings.setValue("geometry", self.saveGeometry())
        self._keep()
        self._kept.close()
        self.closed.set()
        event.accept()

    async def close_down(self) -> None:
        """End what runs for this window."""
        self.monitor.stop()
        await self.tasks.close()
        await self._node.aclose()

    def _complain(self, error: BaseException) -> None:
        if not isinstance(error, CcxError):
            traceback.print_exception(error)  # a fault of ours: for whoever started the window in a terminal
        self.told.setText(self.say("window.unexpected", detail=str(error) or type(error).__name__))
