"""A text editor with line numbers, colours and marks."""

from __future__ import annotations

from collections.abc import Iterable

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType
from pygments.util import ClassNotFound
from PySide6.QtCore import QEvent, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFontDatabase,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from ccx.gui.marks import Mark

# Lexing a thousand lines takes some 30 ms: not at every key.
PAUSE_MILLISECONDS = 120
LARGEST_COLOURED = 200_000
_LIGHT = {
    Keyword: "#8a1f7a",
    String: "#0b5f78",
    Number: "#8a4b00",
    Comment: "#5a6a60",
    Name.Class: "#1d4fa3",
    Name.Function: "#4a3d9c",
}
_DARK = {
    Keyword: "#e58fd8",
    String: "#7fd0ea",
    Number: "#f0b36a",
    Comment: "#93a79b",
    Name.Class: "#8ab4f8",
    Name.Function: "#b9aefa",
}


def is_dark(palette: QPalette) -> bool:
    """Whether text is lighter than what it stands on."""
    return palette.color(QPalette.ColorRole.Text).lightness() > palette.color(QPalette.ColorRole.Base).lightness()


def _formats(palette: QPalette) -> dict[_TokenType, QTextCharFormat]:
    found = {}
    for token, colour in (_DARK if is_dark(palette) else _LIGHT).items():
        found[token] = QTextCharFormat()
        found[token].setForeground(QColor(colour))
    return found


class Colours(QSyntaxHighlighter):
    """Colours what a lexer of Pygments found, a moment after the last change."""

    def __init__(self, document: QTextDocument, palette: QPalette) -> None:
        super().__init__(document)
        self._lexer: Lexer | None = None
        self._spans: list[tuple[int, int, QTextCharFormat]] = []
        self._formats = _formats(palette)
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MILLISECONDS)
        self._timer.timeout.connect(self._lex)
        document.contentsChange.connect(self._changed)

    def of_palette(self, palette: QPalette) -> None:
        """The desktop has become dark, or light."""
        self._formats = _formats(palette)
        self._lex()

    def of_file(self, name: str) -> None:
        """Colour as files of that name are written."""
        try:
            self._lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=False)
        except ClassNotFound:
            self._lexer = None
        self._lex()

    def highlightBlock(self, text: str) -> None:  # noqa: N802  (Qt's)
        """See `QSyntaxHighlighter`."""
        start = self.currentBlock().position()
        end = start + len(text)
        for at, length, style in self._spans:
            if at >= end:
                break
            if at + length > start:
                self.setFormat(max(0, at - start), min(at + length, end) - max(at, start), style)

    def _changed(self, _at: int, removed: int, added: int) -> None:
        if removed != added:
            self._timer.start()

    def _lex(self) -> None:
        text = self.document().toPlainText()
        self._spans = []
        if self._lexer is not None and len(text) <= LARGEST_COLOURED:
            for at, token, value in self._lexer.get_tokens_unprocessed(text):
                if style := next((found for kind, found in self._formats.items() if token in kind), None):
                    self._spans.append((at, len(value), style))
        self.rehighlight()


class _Numbers(QWidget):
    """The numbers of the lines, beside them."""

    def __init__(self, editor: Editor) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:  # noqa: N802
        """See `QWidget`."""
        return QSize(self._editor.width_of_numbers(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """See `QWidget`."""
        self._editor.paint_numbers(self, event)


class Editor(QPlainTextEdit):
    """Edits one file at a time. `edited` tells of what is typed, never of what is shown."""

    edited = Signal(str)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.setTabChangesFocus(False)
        self._marks: dict[int, Mark] = {}
        self._numbers = _Numbers(self)
        self._colours = Colours(self.document(), self.palette())
        self._is_showing = False
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._follow_scrolling)
        self.textChanged.connect(self._tell)
        self._make_room()

    def show_file(self, name: str, content: str) -> None:
        """Show another file."""
        self._is_showing = True
        if content != self.toPlainText():
            self.setPlainText(content)
        self._colours.of_file(name)
        self.show_marks(())
        self._is_showing = False

    def show_marks(self, marks: Iterable[Mark]) -> None:
        """Underline these lines, and have their numbers say so."""
        self._marks = {mark.line: mark for mark in marks}
        selections = []
        for line, mark in self._marks.items():
            block = self.document().findBlockByNumber(line - 1)
            if not block.isValid():
                continue
            selection = QTextEdit.ExtraSelection()
            cursor = QTextCursor(block)
            cursor.select(QTextCursor.SelectionType.LineUnderCursor)
            style = QTextCharFormat()
            style.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            style.setUnderlineColor(QColor("#d03030" if mark.is_error else "#b08000"))
            style.setToolTip(mark.message)
            selection.cursor, selection.format = cursor, style
            selections.append(selection)
        self.setExtraSelections(selections)
        self._numbers.update()

    def go_to(self, line: int) -> None:
        """Put the cursor there, and have it seen."""
        self.setTextCursor(QTextCursor(self.document().findBlockByNumber(line - 1)))
        self.centerCursor()
        self.setFocus()

    def width_of_numbers(self) -> int:
        """How much room the numbers take."""
        return 12 + self.fontMetrics().horizontalAdvance("9") * max(2, len(str(self.blockCount())))

    def paint_numbers(self, beside: QWidget, event: QPaintEvent) -> None:
        """Draw the numbers of the lines that are seen."""
        painter = QPainter(beside)
        painter.setFont(self.font())
        painter.fillRect(event.rect(), self.palette().color(QPalette.ColorRole.AlternateBase))
        block = self.firstVisibleBlock()
        top = round(self.blockBoundingGeometry(block).translated(self.contentOffset()).top())
        while block.isValid() and top <= event.rect().bottom():
            number = block.blockNumber() + 1
            colour = (
                QColor("#d03030") if number in self._marks else self.palette().color(QPalette.ColorRole.PlaceholderText)
            )
            painter.setPen(colour)
            height = self.fontMetrics().height()
            painter.drawText(0, top, beside.width() - 6, height, Qt.AlignmentFlag.AlignRight, str(number))
            top += round(self.blockBoundingRect(block).height())
            block = block.next()
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """See `QWidget`."""
        super().resizeEvent(event)
        inside = self.contentsRect()
        self._numbers.setGeometry(QRect(inside.left(), inside.top(), self.width_of_numbers(), inside.height()))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """See `QWidget`."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._colours.of_palette(self.palette())

    def _make_room(self) -> None:
        self.setViewportMargins(self.width_of_numbers(), 0, 0, 0)

    def _follow_scrolling(self, rect: QRect, dy: int) -> None:
        if dy:
            self._numbers.scroll(0, dy)
        else:
            self._numbers.update(0, rect.y(), self._numbers.width(), rect.height())

    def _tell(self) -> None:
        if not self._is_showing:
            self.edited.emit(self.toPlainText())
