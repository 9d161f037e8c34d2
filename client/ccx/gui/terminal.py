"""A terminal for programs to type to: pyte keeps its screen, this shows it and tells what is typed."""

from __future__ import annotations

import pyte
from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase, QKeyEvent, QKeySequence, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

ROWS, COLUMNS = 24, 80
DRAWN_EVERY_MILLISECONDS = 30
_KEYS = {
    Qt.Key.Key_Return: "\r",
    Qt.Key.Key_Enter: "\r",
    Qt.Key.Key_Backspace: "\x7f",
    Qt.Key.Key_Tab: "\t",
    Qt.Key.Key_Escape: "\x1b",
    Qt.Key.Key_Up: "\x1b[A",
    Qt.Key.Key_Down: "\x1b[B",
    Qt.Key.Key_Right: "\x1b[C",
    Qt.Key.Key_Left: "\x1b[D",
    Qt.Key.Key_Home: "\x1b[H",
    Qt.Key.Key_End: "\x1b[F",
    Qt.Key.Key_Delete: "\x1b[3~",
}


class TerminalView(QPlainTextEdit):
    """`typed` tells of keys, `resized` of rows and columns."""

    typed = Signal(bytes)
    resized = Signal(int, int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.grid = pyte.HistoryScreen(COLUMNS, ROWS, history=2000)
        self._stream = pyte.ByteStream(self.grid)
        self._timer = QTimer(self, singleShot=True, interval=DRAWN_EVERY_MILLISECONDS)
        self._timer.timeout.connect(self._draw)

    def clear_screen(self) -> None:
        """Begin anew."""
        self.grid.reset()
        self.grid.history.top.clear()
        self._draw()

    def write(self, data: bytes) -> None:
        """What the program writes."""
        self._stream.feed(data)
        if not self._timer.isActive():
            self._timer.start()

    def text(self) -> str:
        """What is on the screen and above it, without empty lines at its end."""
        above = ["".join(line[column].data for column in range(self.grid.columns)) for line in self.grid.history.top]
        return "\n".join(line.rstrip() for line in (*above, *self.grid.display)).rstrip("\n")

    def size_in_characters(self) -> tuple[int, int]:
        """Rows and columns that are seen."""
        metrics = self.fontMetrics()
        area = self.viewport().rect()
        margin = 2 * round(self.document().documentMargin())
        rows = (area.height() - margin) // max(1, metrics.lineSpacing())
        return max(2, rows), max(10, (area.width() - margin) // max(1, metrics.horizontalAdvance("M")))

    def event(self, event: QEvent) -> bool:
        """The tabulator is the program's, not the next field's."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Tab:
            self.keyPressEvent(event)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """See `QWidget`. With a selection Ctrl-C copies, as in other terminals Ctrl-Shift-C does."""
        copies = event.matches(QKeySequence.StandardKey.Copy) and self.textCursor().hasSelection()
        if copies:
            self.copy()
            return
        text = _KEYS.get(Qt.Key(event.key())) or event.text()
        if text:
            self.typed.emit(text.encode())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """See `QWidget`."""
        super().resizeEvent(event)
        rows, columns = self.size_in_characters()
        if (rows, columns) != (self.grid.lines, self.grid.columns):
            self.grid.resize(rows, columns)
            self.resized.emit(rows, columns)

    def _draw(self) -> None:
        self.setPlainText(self.text())
        self.moveCursor(QTextCursor.MoveOperation.End)
