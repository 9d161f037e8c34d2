"""The page on which programs are written, run and judged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QFontDatabase,
    QKeySequence,
    QShortcut,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTabBar,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ccx.client import Client
from ccx.errors import BadInput, CcxError
from ccx.events import Done, Output, Queued, Started
from ccx.gui.artifacts import ArtifactsView
from ccx.gui.cases import CasesView
from ccx.gui.editor import Editor, is_dark
from ccx.gui.marks import marks_in
from ccx.gui.model import MEBIBYTE, Document, Workspace, files_in, language_of, read_document, write_document
from ccx.gui.running import Run, follow, stop
from ccx.gui.tasks import Tasks
from ccx.gui.telling import told_of
from ccx.gui.terminal import TerminalView
from ccx.gui.widgets import named
from ccx.interactive import Session
from ccx.messages import Terminal
from ccx.wire import LanguageInfo, State, Submission, Verdict
from ccx.words import Words

DRAWN_EVERY_MILLISECONDS = 40
LOOK_AT_DISK_MILLISECONDS = 2000
MOST_BLOCKS = 20_000


class MainPage(QWidget):
    """Shows a workspace and a run. `changed` tells that there is something to keep, `ended` of each run."""

    changed = Signal()
    ended = Signal(object)

    def __init__(self, say: Words, tasks: Tasks, workspace: Workspace) -> None:
        super().__init__()
        self._say, self._tasks = say, tasks
        self.workspace = workspace
        self.client: Client | None = None
        self.languages: tuple[LanguageInfo, ...] = ()
        self.run: Run | None = None
        self._running: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self.setAcceptDrops(True)
        self._build()
        self._drawing = QTimer(self, singleShot=True, interval=DRAWN_EVERY_MILLISECONDS)
        self._drawing.timeout.connect(self._draw)
        self._disk = QTimer(self, interval=LOOK_AT_DISK_MILLISECONDS)
        self._disk.timeout.connect(self._look_at_disk)
        self._disk.start()
        self._show_workspace()

    # Building

    def _build(self) -> None:
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self._left())
        split.addWidget(self._right())
        split.setSizes([640, 520])
        self._layout = QVBoxLayout(self)
        self._layout.addLayout(self._bar())
        self._layout.addWidget(split, 1)
        self._keys()

    def _keys(self) -> None:
        """Beside the buttons' own: F5 and Shift-F5 as elsewhere, and F6 to leave the editor, where Tab indents."""
        for key, act in (("F5", self.start), ("Shift+F5", self.stop), ("F6", self._next_pane)):
            QShortcut(QKeySequence(key), self).activated.connect(act)

    def _next_pane(self) -> None:
        panes = (self.editor, self.stdin, self.args, self.results.currentWidget())
        at = next((at for at, pane in enumerate(panes) if pane.hasFocus()), -1)
        panes[(at + 1) % len(panes)].setFocus()

    def put_above(self, widget: QWidget) -> None:
        """Show it before everything else."""
        self._layout.insertWidget(0, widget)

    def _bar(self) -> QHBoxLayout:
        say = self._say
        self.language = named(QComboBox(), say("program.language"))
        self.language.activated.connect(lambda _: self._set("language", self.language.currentData()))
        self.open_button = QPushButton(say("program.open"))
        self.open_button.setShortcut(QKeySequence(QKeySequence.StandardKey.Open))
        self.open_button.clicked.connect(self._ask_for_files)
        self.save_button = QPushButton(say("window.file.save"))
        self.save_button.setShortcut(QKeySequence(QKeySequence.StandardKey.Save))
        self.save_button.clicked.connect(self.save)
        self.run_button = named(QPushButton(f"▶ {say('run')}"), say("run"), hint=say("run.key"))
        self.run_button.setShortcut(QKeySequence("Ctrl+Return"))
        self.run_button.clicked.connect(self.start)
        self.stop_button = QPushButton(say("stop"))
        self.stop_button.setEnabled(False)
        self.stop_button.clicked.connect(self.stop)
        bar = QHBoxLayout()
        for widget in (self.language, self.open_button, self.save_button):
            bar.addWidget(widget)
        bar.addStretch()
        bar.addWidget(self.run_button)
        bar.addWidget(self.stop_button)
        return bar

    def _left(self) -> QWidget:
        say = self._say
        self.tabs = named(QTabBar(tabsClosable=True, expanding=False), say("program.files"))
        self.tabs.currentChanged.connect(self._show_file)
        self.tabs.tabCloseRequested.connect(self._remove_file)
        self.tabs.tabBarDoubleClicked.connect(self._rename_file)
        self.add_button = named(QPushButton("+"), say("program.file.new"), hint=say("program.file.new"))
        self.add_button.setMaximumWidth(36)
        self.add_button.clicked.connect(self._add_file)
        self.editor = Editor(say("program.editor"))
        self.editor.edited.connect(self._edited)
        self.note = named(QLabel(wordWrap=True), is_hidden=True)
        head = QHBoxLayout()
        head.addWidget(self.tabs, 1)
        head.addWidget(self.add_button)
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self.note)
        layout.addWidget(self.editor, 3)
        options = QTabWidget()
        options.addTab(self._options(), say("program.options"))
        self.cases = CasesView(say)
        self.cases.changed.connect(self.changed)
        options.addTab(self.cases, say("program.cases"))
        options.setMaximumHeight(280)
        layout.addWidget(options, 1)
        return box

    def _options(self) -> QWidget:
        say = self._say
        self.stdin = named(QPlainTextEdit(), say("program.input"))
        self.stdin.textChanged.connect(lambda: self._set("stdin", self.stdin.toPlainText()))
        self.in_terminal = QCheckBox(say("program.terminal"))
        self.args = named(self._field("args", say("program.args.hint")), say("program.args"))
        self.artifacts = named(self._field("artifacts", say("program.artifacts.hint")), say("program.artifacts"))
        self.limits = {
            "cpu_seconds": self._field("cpu_seconds"),
            "wall_seconds": self._field("wall_seconds"),
            "memory_mebibytes": self._field("memory_mebibytes"),
        }
        row = QHBoxLayout()
        for word, field in zip(("cpu_seconds", "wall_seconds", "memory_bytes"), self.limits.values(), strict=True):
            field.setAccessibleName(say(f"limit.{word}"))
            row.addWidget(QLabel(say(f"limit.{word}")))
            row.addWidget(field)
        box = QWidget()
        form = QFormLayout(box)
        form.addRow(say("program.input"), self.stdin)
        form.addRow("", self.in_terminal)
        form.addRow(say("program.args"), self.args)
        form.addRow(say("program.artifacts"), self.artifacts)
        form.addRow(say("program.limits"), row)
        return box

    def _field(self, name: str, hint: str = "") -> QLineEdit:
        field = QLineEdit(placeholderText=hint)
        field.textEdited.connect(lambda text: self._set(name, text))
        return field

    def _right(self) -> QWidget:
        say = self._say
        self.verdict = named(QLabel(wordWrap=True), say("list.verdict"))
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        font = self.verdict.font()
        font.setPointSizeF(font.pointSizeF() * 1.1)
        self.verdict.setFont(font)
        self.output = named(QPlainTextEdit(readOnly=True), say("output"))
        self.output.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.output.setMaximumBlockCount(MOST_BLOCKS)
        self.output.setUndoRedoEnabled(False)
        self.terminal = TerminalView(say("window.terminal"))
        self.terminal.typed.connect(self._typed)
        self.terminal.resized.connect(self._resized)
        self.problems = named(QListWidget(), say("window.problems"))
        self.problems.itemActivated.connect(self._go_to_problem)
        self.problems.itemClicked.connect(self._go_to_problem)
        self.left_files = ArtifactsView(say)
        self.left_files.failed.connect(self._tell)
        self.results = QTabWidget()
        for widget, word in (
            (self.output, "output"),
            (self.terminal, "window.terminal"),
            (self.problems, "window.problems"),
            (self.left_files, "artifacts"),
        ):
            self.results.addTab(widget, say(word))
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.verdict)
        layout.addWidget(self.results, 1)
        return box

    # The workspace

    def of(self, client: Client | None, languages: tuple[LanguageInfo, ...]) -> None:
        """Run things there from now on."""
        self.client, self.languages = client, languages
        self.language.clear()
        for language in languages:
            self.language.addItem(
                f"{language.title} {language.version.removeprefix(language.title).strip()}", language.name
            )
        self._show_language()

    def open_paths(self, paths: list[Path]) -> None:
        """Open these files, and those in these folders."""
        documents = []
        for path, root in files_in(paths):
            try:
                documents.append(read_document(path, root))
            except BadInput as error:
                self._tell(str(error))
        at = self.workspace.add(documents, self.languages)
        self._show_workspace(at)
        self.changed.emit()

    def show_workspace(self, workspace: Workspace) -> None:
        """Another one, such as one of before."""
        self.workspace = workspace
        self._show_workspace()
        self.changed.emit()

    def show_run(self, run: Run, workspace: Workspace) -> None:
        """One of before, with the program as it was then."""
        self.show_workspace(workspace)
        self.run = run
        if run.result:
            self._show_result(run, run.result)

    def save(self) -> None:
        """Keep the file that is shown on the disk; where, is asked the first time."""
        document = self._document()
        path = document.path or QFileDialog.getSaveFileName(self, self._say("window.file.save"), document.name)[0]
        if path:
            try:
                write_document(document, Path(path))
            except BadInput as error:
                self._tell(str(error))

    def _document(self) -> Document:
        return self.workspace.documents[max(0, self.tabs.currentIndex())]

    def _show_workspace(self, at: int = 0) -> None:
        self.tabs.blockSignals(True)
        while self.tabs.count():
            self.tabs.removeTab(0)
        for document in self.workspace.documents:
            self.tabs.addTab(document.name)
        self.tabs.setCurrentIndex(at)
        self.tabs.blockSignals(False)
        self._show_file(at)
        self.stdin.setPlainText(self.workspace.stdin)
        for name, field in {"args": self.args, "artifacts": self.artifacts, **self.limits}.items():
            field.setText(getattr(self.workspace, name))
        self.cases.show_cases(self.workspace.cases)
        self._show_language()

    def _show_language(self) -> None:
        self.language.setCurrentIndex(self.language.findData(self.workspace.language))
        found = next((one for one in self.languages if one.name == self.workspace.language), None)
        if found:
            usual, most = found.default_limits, found.highest_limits
            shown = (
                (usual.cpu_seconds, most.cpu_seconds),
                (usual.wall_seconds, most.wall_seconds),
                (usual.memory_bytes // MEBIBYTE, most.memory_bytes // MEBIBYTE),
            )
            for field, (default, highest) in zip(self.limits.values(), shown, strict=True):
                field.setPlaceholderText(f"{default:g}")
                field.setToolTip(self._say("limit.most", value=f"{highest:g}"))

    def _show_file(self, at: int) -> None:
        if 0 <= at < len(self.workspace.documents):
            document = self.workspace.documents[at]
            self.editor.show_file(document.name, document.content)
            self._show_marks()

    def _edited(self, content: str) -> None:
        document = self._document()
        document.content, document.is_changed = content, True
        self.changed.emit()

    def _set(self, name: str, value: object) -> None:
        if getattr(self.workspace, name) != value:
            setattr(self.workspace, name, value)
            self.changed.emit()
            if name == "language":
                self._show_language()

    def _add_file(self) -> None:
        name, is_given = QInputDialog.getText(self, self._say("program.file.new"), self._say("program.file.name"))
        if is_given and name.strip() and name not in {one.name for one in self.workspace.documents}:
            self.workspace.documents.append(Document(name.strip()))
            self._show_workspace(len(self.workspace.documents) - 1)
            self.changed.emit()

    def _rename_file(self, at: int) -> None:
        if at < 0:
            return
        document = self.workspace.documents[at]
        label = self._say("program.file.name")
        name, is_given = QInputDialog.getText(self, self._say("program.file.rename"), label, text=document.name)
        if is_given and name.strip() and name not in {one.name for one in self.workspace.documents}:
            document.name, document.path = name.strip(), None
            if len(self.workspace.documents) == 1 and (language := language_of(name, self.languages)):
                self.workspace.language = language
            self._show_workspace(at)
            self.changed.emit()

    def _remove_file(self, at: int) -> None:
        if len(self.workspace.documents) > 1:
            del self.workspace.documents[at]
            self._show_workspace(min(at, len(self.workspace.documents) - 1))
            self.changed.emit()

    def _ask_for_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, self._say("program.open"))
        if names:
            self.open_paths([Path(name) for name in names])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """See `QWidget`."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """See `QWidget`."""
        self.open_paths([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    def _look_at_disk(self) -> None:
        """A file that another program has changed is read again, unless it was changed here as well."""
        for at, document in enumerate(self.workspace.documents):
            if not document.path:
                continue
            with suppress(OSError, BadInput):
                path = Path(document.path)
                stamp = path.stat().st_mtime
                if stamp == document.stamp:
                    continue
                document.stamp = stamp
                if document.is_changed:
                    self._tell(self._say("window.file.changed", name=document.name))
                    continue
                document.content = read_document(path).content
                if at == self.tabs.currentIndex():
                    self._show_file(at)

    # Running

    def start(self) -> None:
        """Send the program as it stands."""
        if self.client is None or (self._running and not self._running.done()):
            return
        try:
            request = self.workspace.request()
        except BadInput as error:
            self._show_verdict(str(error), is_good=False)
            return
        self.run = Run(request)
        self.output.clear()
        self.problems.clear()
        self.left_files.show_files(())
        self.run_button.setEnabled(False)
        self.stop_button.setEnabled(True)
        self._show_verdict(self._say("state.queued"))
        if self.in_terminal.isChecked():
            self.results.setCurrentWidget(self.terminal)
            self.terminal.clear_screen()
            self.terminal.setFocus()
            work: Awaitable[None] = self._converse(self.client, self.run)
        else:
            self.results.setCurrentWidget(self.output)
            work = follow(self.client, self.run, self._redraw_soon)
        self._running = self._tasks.start(self._to_its_end(work, self.run))

    def stop(self) -> None:
        """End what runs."""
        if self._session is not None:
            self._tasks.start(self._session.signal("KILL"))
        elif self.client is not None and self.run is not None:
            self._tasks.start(stop(self.client, self.run))

    async def _to_its_end(self, work: Awaitable[None], run: Run) -> None:
        try:
            await work
        finally:
            self.run_button.setEnabled(True)
            self.stop_button.setEnabled(False)
            self._draw()
            self._show_end(run)
            self.ended.emit(run)

    async def _converse(self, client: Client, run: Run) -> None:
        rows, columns = self.terminal.size_in_characters()
        try:
            async with client.interactive(run.request, Terminal(rows=rows, columns=columns)) as session:
                self._session = session
                async for event in session.events():
                    if isinstance(event, Output):
                        self.terminal.write(event.bytes())
                    elif isinstance(event, Queued | Started | Done):
                        run.fold(event)
                        self._redraw_soon()
        except CcxError as error:
            run.state, run.trouble = State.DONE, str(error)
        finally:
            self._session = None

    def _typed(self, data: bytes) -> None:
        if self._session is not None:
            self._tasks.start(self._session.type(data))

    def _resized(self, rows: int, columns: int) -> None:
        if self._session is not None:
            self._tasks.start(self._session.resize(Terminal(rows=rows, columns=columns)))

    # Showing

    def _redraw_soon(self) -> None:
        if not self._drawing.isActive():
            self._drawing.start()

    def _draw(self) -> None:
        run = self.run
        if run is None:
            return
        if run.is_anew:
            run.is_anew = False
            self.output.clear()
        self._write(run)
        if run.state is not State.DONE:
            self._show_verdict(self._progress(run))

    def _progress(self, run: Run) -> str:
        if run.is_lost:
            return self._say("window.lost")
        if run.state is State.RUNNING:
            return self._say("state.running.on", node=run.node or "")
        return self._say("state.queued.at", position=run.position) if run.position else self._say("state.queued")

    def _write(self, run: Run) -> None:
        cursor = self.output.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for piece in run.taken_pieces():
            style = QTextCharFormat()
            if piece.stream == "stderr":
                style.setForeground(QColor("#ff9a8f" if is_dark(self.palette()) else "#a81e1e"))
            cursor.insertText(piece.text, style)
        self.output.ensureCursorVisible()

    def _show_end(self, run: Run) -> None:
        if run.trouble:
            self._show_verdict(self._say("failed", detail=run.trouble), is_good=False)
        elif run.result:
            self._show_result(run, run.result)
        self._show_problems(run)

    def _show_result(self, run: Run, result: Submission) -> None:
        told = told_of(result, run.request.limits, self.languages, self._say)
        self._show_verdict(told, is_good=result.verdict is Verdict.OK)
        self.cases.show_results(result.cases)
        self.left_files.show_files(result.artifacts)

    def _show_verdict(self, text: str, *, is_good: bool | None = None) -> None:
        self.verdict.setText(text)
        dark = is_dark(self.palette())
        colour = {True: "#66d39b" if dark else "#0b6b3a", False: "#ff9a8f" if dark else "#a81e1e", None: ""}[is_good]
        self.verdict.setStyleSheet(f"color: {colour}" if colour else "")

    def _show_problems(self, run: Run) -> None:
        self.problems.clear()
        for mark in marks_in("".join(run.errors)):
            item = QListWidgetItem(f"{mark.file}:{mark.line}: {mark.message}")
            item.setData(Qt.ItemDataRole.UserRole, mark)
            self.problems.addItem(item)
        self._show_marks()

    def _show_marks(self) -> None:
        marks = [self.problems.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.problems.count())]
        shown = self._document().name.rsplit("/", 1)[-1]
        self.editor.show_marks([mark for mark in marks if mark.file == shown])

    def _go_to_problem(self, item: QListWidgetItem) -> None:
        mark = item.data(Qt.ItemDataRole.UserRole)
        for at, document in enumerate(self.workspace.documents):
            if document.name.rsplit("/", 1)[-1] == mark.file:
                self.tabs.setCurrentIndex(at)
                self.editor.go_to(mark.line)
                return

    def _tell(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))
