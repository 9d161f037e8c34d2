"""The cases of a program, and what came of each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from ccx.gui.model import Case
from ccx.gui.widgets import named
from ccx.wire import CaseResult
from ccx.words import Words

_FIELDS = ("name", "stdin", "expected")
VERDICT_COLUMN = len(_FIELDS)


class CasesView(QWidget):
    """Edits a list of cases in place. `changed` tells of it."""

    changed = Signal()

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self._cases: list[Case] = []
        self.table = named(QTableWidget(0, VERDICT_COLUMN + 1), say("program.cases"))
        words = ("case.name", "case.input", "case.expected", "list.verdict")
        self.table.setHorizontalHeaderLabels([say(word) for word in words])
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.cellChanged.connect(self._edited)
        add = QPushButton(say("case.add"))
        add.clicked.connect(self._add)
        remove = QPushButton(say("case.remove", name=""))
        remove.clicked.connect(self._remove)
        row = QHBoxLayout()
        row.addWidget(add)
        row.addWidget(remove)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.addWidget(self.table)
        layout.addLayout(row)

    def show_cases(self, cases: list[Case]) -> None:
        """These from now on."""
        self._cases = cases
        self.table.blockSignals(True)
        self.table.setRowCount(len(cases))
        for row, case in enumerate(cases):
            for column, text in enumerate((case.name, case.stdin, case.expected, "")):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.blockSignals(False)

    def show_results(self, results: Sequence[CaseResult]) -> None:
        """What came of them, in order."""
        self.table.blockSignals(True)
        for row, result in enumerate(results[: len(self._cases)]):
            text = self._say(f"word.{result.verdict}") if result.verdict else ""
            self.table.setItem(row, VERDICT_COLUMN, QTableWidgetItem(text))
        self.table.blockSignals(False)

    def _edited(self, row: int, column: int) -> None:
        item = self.table.item(row, column)
        if item and column < VERDICT_COLUMN:
            setattr(self._cases[row], _FIELDS[column], item.text())
            self.changed.emit()

    def _add(self) -> None:
        self._cases.append(Case(str(len(self._cases) + 1)))
        self.show_cases(self._cases)
        self.changed.emit()

    def _remove(self) -> None:
        if 0 <= (row := self.table.currentRow()) < len(self._cases):
            del self._cases[row]
            self.show_cases(self._cases)
            self.changed.emit()
