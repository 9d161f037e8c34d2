"""Bytes in from standard input, bytes out to standard output and standard error, exactly as they are."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ccx.errors import BadInput

if TYPE_CHECKING:
    from typing import TextIO

MOST_STDIN_BYTES = 64 * 2**20


def read_stdin() -> bytes:
    """All of standard input where it is a pipe or a file; nothing where it is a terminal or closed. Raises BadInput."""
    if sys.stdin is None or sys.stdin.isatty():
        return b""
    try:
        data = sys.stdin.buffer.read(MOST_STDIN_BYTES + 1)
    except OSError as error:
        raise BadInput(f"Standard input cannot be read: {error.strerror}.") from error
    if len(data) > MOST_STDIN_BYTES:
        raise BadInput(f"Standard input is too large: it may have {MOST_STDIN_BYTES // 2**20} MiB.")
    return data


def write(stream: TextIO | None, data: bytes) -> None:
    """Write it all. Quiet where the stream is closed or its reader has left. Raises BadInput where the disk is full."""
    if stream is None:
        return
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.flush()
    except BrokenPipeError:
        _discard(stream)
    except OSError as error:
        _discard(stream)
        raise BadInput(f"The output cannot be written: {error.strerror}.") from error


def _discard(stream: TextIO) -> None:
    """What is still buffered would be written, and fail, once more when the interpreter exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
