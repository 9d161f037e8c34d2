"""What is told of a submission that has nothing to show yet: one line on the terminal, which vanishes again.

Where there is no terminal, a line that stays tells of one that has to wait for long.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Self

from ccx.cli.standard_streams import write

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_SECONDS = 0.3  # what takes no longer needs no line
LONG_SECONDS = 5.0  # of waiting, after which whoever reads a log should know
_ERASE = "\r\x1b[K"


class Progress:
    """The line. It vanishes where both standard output and standard error are a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        streams = (sys.stdout, sys.stderr)
        self._is_quiet = quiet
        self._is_shown = not quiet and all(stream is not None and stream.isatty() for stream in streams)
        self._has_line = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def waiting(self, position: int | None) -> None:
        """It waits in the queue at that place."""
        if position is not None:
            self._say_soon(f"ccx: waiting, number {position} in the queue")
        if not self._is_shown and not self._is_quiet and self._timer is None:
            line = b"ccx: it waits in the queue of the node ('ccx nodes' shows what its nodes do)\n"
            self._timer = asyncio.get_running_loop().call_later(LONG_SECONDS, write, sys.stderr, line)

    def running(self) -> None:
        """It runs."""
        self.clear()
        self._say_soon("ccx: running")

    def clear(self) -> None:
        """There is something to show: no line any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._has_line:
            self._has_line = False
            write(sys.stderr, _ERASE.encode())

    def _say_soon(self, text: str) -> None:
        if not self._is_shown:
            return
        if self._timer is not None:
            self._timer.cancel()
        delay = 0.0 if self._has_line else PATIENCE_SECONDS
        self._timer = asyncio.get_running_loop().call_later(delay, self._say, text)

    def _say(self, text: str) -> None:
        self._has_line = True
        write(sys.stderr, f"{_ERASE}{text}".encode())
