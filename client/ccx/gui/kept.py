"""What was typed, kept beside: it outlives the window, whatever ends it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QLockFile

from ccx.gui.model import Workspace
from ccx.secret_file import write_secret


class Kept:
    """The files of one window: the text as it is now, and that of before, for which the user has to ask. Two windows at
    a time have different files. What cannot be read or written is as if it were not there.
    """

    def __init__(self, folder: Path) -> None:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._lock, self._name = self._own()

    def now(self) -> Workspace | None:
        """The text as it was when the last window ended; None where nothing was typed."""
        return _read(self._folder / f"{self._name}.json")

    def before(self) -> Workspace | None:
        """The text that made way for another."""
        return _read(self._folder / f"{self._name}.before.json")

    def keep(self, workspace: Workspace) -> None:
        """This is the text now."""
        _write(self._folder / f"{self._name}.json", workspace)

    def keep_before(self, workspace: Workspace | None) -> None:
        """This is the text of before; None: it is not wanted any more."""
        path = self._folder / f"{self._name}.before.json"
        if workspace is None:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        else:
            _write(path, workspace)

    def close(self) -> None:
        """Leave the files to the next window."""
        self._lock.unlock()

    def _own(self) -> tuple[QLockFile, str]:
        """The first name that no other window has. A window that was killed has none: its process is not there."""
        number = 1
        while True:
            name = "window" if number == 1 else f"window-{number}"
            lock = QLockFile(str(self._folder / f"{name}.lock"))
            lock.setStaleLockTime(0)
            if lock.tryLock(0) or lock.error() != QLockFile.LockError.LockFailedError:
                return lock, name
            number += 1


def _read(path: Path) -> Workspace | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = Workspace.from_json(path.read_text("utf-8"))
        return None if found == Workspace() else found
    return None


def _write(path: Path, workspace: Workspace) -> None:
    with suppress(OSError):
        write_secret(path, workspace.to_json().encode())
