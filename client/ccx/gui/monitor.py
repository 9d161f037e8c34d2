"""Curves of a node's machine, and which submission runs where."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing

import pyqtgraph
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ccx.cli.output.harmless import harmless
from ccx.client import Client
from ccx.errors import CcxError, NodeUnreachable
from ccx.feed import NodesChanged, SubmissionChanged
from ccx.gui.tasks import Tasks
from ccx.gui.widgets import named
from ccx.wire import NodeInfo, State, SubmissionSummary
from ccx.words import Words

SHOWN = 120  # readings
PAUSE_SECONDS = 1.0


class Monitor(QWidget):
    """Follows the feed of a node between start and stop."""

    def __init__(self, say: Words, tasks: Tasks) -> None:
        super().__init__()
        self._say, self._tasks = say, tasks
        self._client: Client | None = None
        self._following: asyncio.Task[None] | None = None
        self.nodes: dict[str, NodeInfo] = {}
        self.unfinished: dict[str, SubmissionSummary] = {}
        self.readings: dict[str, deque[tuple[float, float, float]]] = {}
        self.node = named(QComboBox(), say("window.monitor.node"))
        self.node.currentTextChanged.connect(lambda _: self._draw())
        self.button = QPushButton(say("window.monitor.start"))
        self.button.clicked.connect(self.toggle)
        self.summary = QLabel()
        pyqtgraph.setConfigOptions(antialias=True)
        self.plot = pyqtgraph.PlotWidget()
        self.plot.setAccessibleName(f"{say('cluster.cpu')}, {say('cluster.memory')}")
        self.plot.setYRange(0, 100)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.hideButtons()
        self.plot.addLegend()
        self.plot.setLabel("left", "%")
        self._colour()
        self.cpu = self.plot.plot(pen=pyqtgraph.mkPen("#1f9d74", width=2), name=say("cluster.cpu"))
        memory = pyqtgraph.mkPen("#c98a1b", width=2, style=Qt.PenStyle.DashLine)
        self.memory = self.plot.plot(pen=memory, name=say("cluster.memory"))
        words = ("list.node", "list.id", "list.language", "list.state", "list.client")
        self.table = named(QTableWidget(0, len(words)), say("cluster.where"))
        self.table.setHorizontalHeaderLabels([say(word) for word in words])
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        bar = QHBoxLayout()
        bar.addWidget(QLabel(say("window.monitor.node")))
        bar.addWidget(self.node, 1)
        bar.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.addLayout(bar)
        layout.addWidget(self.summary)
        layout.addWidget(self.plot, 2)
        layout.addWidget(QLabel(say("cluster.where")))
        layout.addWidget(self.table, 1)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """See `QWidget`: the desktop may have become dark, or light."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._colour()

    def _colour(self) -> None:
        self.plot.setBackground(self.palette().base().color())
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(self.palette().text().color())
            axis.setTextPen(self.palette().text().color())

    def of(self, client: Client | None) -> None:
        """Look at that node from now on."""
        self.stop()
        self._client = client
        self.nodes, self.unfinished, self.readings = {}, {}, {}
        self.node.clear()

    def toggle(self) -> None:
        """Start, or stop."""
        if self._following:
            self.stop()
        elif self._client:
            self.button.setText(self._say("window.monitor.stop"))
            self._following = self._tasks.start(self._follow(self._client))

    def stop(self) -> None:
        """Nothing is measured for this window any more."""
        if self._following:
            self._following.cancel()
        self._following = None
        self.button.setText(self._say("window.monitor.start"))

    async def _follow(self, client: Client) -> None:
        while True:
            try:
                for state in (State.QUEUED, State.RUNNING):
                    page = await client.list(state=state, limit=200)
                    self.unfinished |= {one.id: one for one in page.submissions}
                async with aclosing(client.watch()) as events:
                    async for event in events:
                        if isinstance(event, NodesChanged):
                            self._take(event.nodes)
                        elif isinstance(event, SubmissionChanged):
                            self._note(event.submission)
            except NodeUnreachable:
                self.summary.setText(self._say("window.lost"))
            except CcxError as error:
                self.summary.setText(str(error))
                return
            await asyncio.sleep(PAUSE_SECONDS)

    def _note(self, line: SubmissionSummary) -> None:
        if line.state is State.DONE:
            self.unfinished.pop(line.id, None)
        else:
            self.unfinished[line.id] = line
        self._show_table()

    def _take(self, nodes: tuple[NodeInfo, ...]) -> None:
        self.nodes = {node.name: node for node in nodes}
        for node in nodes:
            if node.report:
                usage = node.report.usage
                found = self.readings.setdefault(node.name, deque(maxlen=SHOWN))
                if not found or found[-1][0] != usage.at.timestamp():
                    share = 100 * usage.memory_bytes / usage.memory_total_bytes
                    found.append((usage.at.timestamp(), usage.cpu_percent, share))
        if [self.node.itemText(at) for at in range(self.node.count())] != list(self.nodes):
            chosen = self.node.currentText()
            self.node.clear()
            self.node.addItems(list(self.nodes))
            if chosen in self.nodes:
                self.node.setCurrentText(chosen)
        reports = [node.report for node in nodes if node.report]
        self.summary.setText(
            self._say(
                "cluster.summary",
                ok=sum(node.health == "ok" for node in nodes),
                all=len(nodes),
                running=sum(report.running for report in reports),
                slots=sum(report.slots for report in reports),
                waiting=nodes[0].report.queued if nodes and nodes[0].report else 0,
            )
        )
        self._draw()
        self._show_table()

    def _draw(self) -> None:
        readings = self.readings.get(self.node.currentText(), ())
        newest = readings[-1][0] if readings else 0.0
        seconds = [at - newest for at, _, _ in readings]
        self.cpu.setData(seconds, [cpu for _, cpu, _ in readings])
        self.memory.setData(seconds, [memory for _, _, memory in readings])

    def _show_table(self) -> None:
        where = {one: node.name for node in self.nodes.values() for one in node.submissions}
        lines = sorted(self.unfinished.values(), key=lambda line: (where.get(line.id, ""), line.id))
        self.table.setRowCount(len(lines))
        for row, line in enumerate(lines):
            client = (line.client or "").removeprefix("key ")
            state = self._say(f"state.{line.state}")
            for column, text in enumerate((where.get(line.id, "-"), f"…{line.id[-6:]}", line.language, state, client)):
                self.table.setItem(row, column, QTableWidgetItem(harmless(text)))
