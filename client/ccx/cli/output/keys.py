"""Single keys, as soon as they are pressed, where standard input is a terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_READ_BYTES = 256


@contextmanager
def when_pressed(key: str, act: Callable[[], object]) -> Iterator[None]:
    """Call that whenever the key is pressed. The terminal is as it was before, afterwards."""
    if sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    fd = sys.stdin.fileno()

    def read() -> None:
        if key.encode() in os.read(fd, _READ_BYTES):
            act()

    before = termios.tcgetattr(fd)
    loop = asyncio.get_running_loop()
    tty.setcbreak(fd, termios.TCSADRAIN)  # Ctrl-C goes on to end the command
    loop.add_reader(fd, read)
    try:
        yield
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
