"""The files that a program has left: pictures are shown, all can be saved."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFileDialog, QLabel, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from ccx.gui.widgets import named
from ccx.wire import Artifact
from ccx.words import Words

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")


class ArtifactsView(QWidget):
    """`failed` tells of a file that cannot be saved."""

    failed = Signal(str)

    def __init__(self, say: Words) -> None:
        super().__init__()
        self._say = say
        self.files = named(QListWidget(), say("artifacts"))
        self.files.currentItemChanged.connect(lambda item, _: self._show_picture(item))
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        save = QPushButton(say("window.save.all"))
        save.clicked.connect(self._save)
        layout = QVBoxLayout(self)
        layout.addWidget(self.files)
        layout.addWidget(self.picture, 1)
        layout.addWidget(save)

    def show_files(self, artifacts: Iterable[Artifact]) -> None:
        """These, and no others."""
        self.files.clear()
        self.picture.clear()
        for artifact in artifacts:
            text = self._say("artifact.missing", name=artifact.name, error=artifact.error)
            item = QListWidgetItem(text if artifact.error else artifact.name)
            item.setData(Qt.ItemDataRole.UserRole, None if artifact.error else (artifact.name, artifact.data()))
            self.files.addItem(item)
        if self.files.count():
            self.files.setCurrentRow(0)

    def _show_picture(self, item: QListWidgetItem | None) -> None:
        self.picture.clear()
        kept = item.data(Qt.ItemDataRole.UserRole) if item else None
        if kept and kept[0].lower().endswith(_PICTURES) and not (image := QImage.fromData(kept[1])).isNull():
            self.picture.setPixmap(QPixmap.fromImage(image))

    def _save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self._say("window.save.all"))
        if not folder:
            return
        for row in range(self.files.count()):
            if kept := self.files.item(row).data(Qt.ItemDataRole.UserRole):
                path = Path(folder, kept[0])
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(kept[1])
                except OSError as error:
                    self.failed.emit(f"{path}: {error.strerror}")
