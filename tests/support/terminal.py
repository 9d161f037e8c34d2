"""A real terminal for a command under test: what a user types, and what a user sees."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from types import TracebackType
from typing import Any, Self

DEADLINE_SECONDS = 60.0
STOP_SECONDS = 20.0


class TerminalProcess:
    """A command with a terminal of its own, which it controls. At the end of the context it is gone."""

    def __init__(self, command: list[str], *, rows: int = 24, columns: int = 80, **options: Any) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(rows, columns)
        self.mode = termios.tcgetattr(self.theirs)
        self.seen = ""
        self._at = 0
        self.process = subprocess.Popen(
            command,
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - nothing else makes it controlling
            **options,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.process:
            self.process.kill()
        os.close(self.ours)
        os.close(self.theirs)

    def types(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def sees(self, pattern: str, seconds: float = DEADLINE_SECONDS) -> re.Match[str]:
        """The next place that matches; what comes before it has then been seen."""
        deadline = time.monotonic() + seconds
        while not (found := re.compile(pattern).search(self.seen, self._at)):
            self._read(deadline, pattern)
        self._at = found.end()
        return found

    def ends(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(seconds)

    def is_as_before(self) -> bool:
        """Whether the terminal is in the mode it was in at first."""
        return termios.tcgetattr(self.theirs) == self.mode

    def _read(self, deadline: float, wanted: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.ours], [], [], left)[0]:
            raise TimeoutError(f"waited for {wanted!r}, having seen {self.seen!r}")
        self.seen += os.read(self.ours, 65_536).decode(errors="replace")
