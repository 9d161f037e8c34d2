"""The first page: which node."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ccx.gui.connection import Connected, NotConnected, Trouble, Untrusted, connect, url_of
from ccx.gui.tasks import Tasks
from ccx.gui.widgets import named
from ccx.words import Words

LocalNode = Callable[[], None]


class ConnectionPage(QWidget):
    """`connected` tells of a node that answers, `wants_local` that one shall be started here."""

    connected = Signal(object)
    wants_local = Signal()

    def __init__(self, say: Words, tasks: Tasks, recent: list[str]) -> None:
        super().__init__()
        self._say, self._tasks = say, tasks
        self.host = named(QLineEdit("127.0.0.1"), say("window.address"))
        self.port = named(QLineEdit("8700"), say("window.port"))
        self.token = named(QLineEdit(echoMode=QLineEdit.EchoMode.Password), say("window.token"))
        self.button = QPushButton(say("window.connect"), default=True)
        self.button.clicked.connect(self.connect_now)
        self.here = named(QPushButton(say("window.here")), hint=say("window.here.hint"))
        self.here.clicked.connect(self.wants_local)
        for field in (self.host, self.port, self.token):
            field.returnPressed.connect(self.connect_now)
        self.trouble = named(QLabel(wordWrap=True), say("window.problems"))
        self.trouble.setTextFormat(Qt.TextFormat.PlainText)
        self.trouble.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.trust = named(QPushButton(say("window.trust.yes")), is_hidden=True)
        self.trust.clicked.connect(self._trust)
        self._untrusted: Untrusted | None = None
        self.recent = named(QListWidget(), say("window.recent"))
        self.recent.addItems(recent)
        self.recent.setMaximumHeight(200)
        self.recent.itemActivated.connect(lambda item: self.go(item.text()))
        form = QFormLayout()
        form.addRow(say("window.address"), self.host)
        form.addRow(say("window.port"), self.port)
        form.addRow(say("window.token"), self.token)
        buttons = QHBoxLayout()
        buttons.addWidget(self.here)
        buttons.addStretch()
        buttons.addWidget(self.button)
        box = QWidget()
        box.setMaximumWidth(640)
        layout = QVBoxLayout(box)
        title = QLabel("ccx")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 2)
        font.setBold(True)
        title.setFont(font)
        for part in (title, form, buttons, self.trouble, self.trust, QLabel(say("window.recent")), self.recent):
            if isinstance(part, QWidget):
                layout.addWidget(part)
            else:
                layout.addLayout(part)
        layout.addStretch()
        outside = QHBoxLayout(self)
        outside.addStretch()
        outside.addWidget(box, 10)
        outside.addStretch()

    def go(self, address: str) -> None:
        """Connect to that address."""
        self.host.setText(address)
        self.connect_now()

    def connect_now(self) -> None:
        """Connect to what is typed."""
        self._begin(None)

    def _begin(self, ca: str | None) -> None:
        self.trust.hide()
        self.button.setEnabled(False)
        self.trouble.setText(self._say("window.connecting"))
        self._tasks.start(self._connect(self.host.text(), self.port.text(), self.token.text().strip() or None, ca))

    async def _connect(self, host: str, port: str, token: str | None, ca: str | None) -> None:
        try:
            found: Connected = await connect(url_of(host, port), token, ca)
        except Untrusted as error:
            self._untrusted = error
            self.trouble.setText(f"{self._say('window.trust')}\n\n{error.fingerprint}")
            self.trust.show()
        except NotConnected as error:
            self.trouble.setText(self._told(error))
            if error.trouble in {Trouble.WRONG_TOKEN, Trouble.NEEDS_TOKEN}:
                self.token.setFocus()
        else:
            self.trouble.clear()
            self.token.clear()
            self.connected.emit(found)
        finally:
            self.button.setEnabled(True)

    def _told(self, error: NotConnected) -> str:
        sentence = self._say(f"window.trouble.{error.trouble}")
        return f"{sentence}\n{error}" if str(error) else sentence

    def _trust(self) -> None:
        if self._untrusted:
            self._begin(self._untrusted.authority)
