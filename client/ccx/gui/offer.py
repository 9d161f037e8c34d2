"""A line above the program that tells what became of the text of last time, and offers the other one."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from ccx.gui.widgets import named
from ccx.words import Words


class Offer(QFrame):
    """`taken` tells that the other text is wanted, `closed` that it is not."""

    taken = Signal()
    closed = Signal()

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.told = QLabel(wordWrap=True)
        self.button = QPushButton()
        self.button.clicked.connect(self.taken)
        self.close_button = named(QPushButton("✕"), say("window.kept.close"), hint=say("window.kept.close"))
        self.close_button.setMaximumWidth(36)
        self.close_button.clicked.connect(self.closed)
        layout = QHBoxLayout(self)
        layout.addWidget(self.told, 1)
        layout.addWidget(self.button)
        layout.addWidget(self.close_button)

    def show_offer(self, *, has_before: bool) -> None:
        """Of the text of before, or else of an empty page."""
        self.told.setText(self._say("window.kept.before" if has_before else "window.kept"))
        self.button.setText(self._say("window.kept.back" if has_before else "window.kept.afresh"))
        self.show()
