"""Bytes in from standard input, bytes out to standard output and standard error, exactly as they are."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from typing import TYPE_CHECKING

from ccx.errors import BadInput

if TYPE_CHECKING:
    from typing import TextIO

MOST_STDIN_BYTES = 24 * 2**20  # in base64, the 32 MiB that a node takes in one request
READ_BYTES = 65_536
# Input is sent with the program where all of it is there soon. A producer that is silent for so long, or goes on for
# so long, is waited for by the program itself.
SILENCE_SECONDS = 0.1
LONGEST_SECONDS = 1.0


class ReaderGone(Exception):
    """Nobody reads standard output any more, as after `| head -1`."""


def has_input() -> bool:
    """Whether standard input is a pipe or a file, not a terminal or closed."""
    return sys.stdin is not None and not sys.stdin.isatty()


def read_stdin() -> bytes:
    """All of standard input where it is a pipe or a file; nothing where it is a terminal or closed. Raises BadInput."""
    if not has_input():
        return b""
    try:
        data = sys.stdin.buffer.read(MOST_STDIN_BYTES + 1)
    except OSError as error:
        raise BadInput(f"Standard input cannot be read: {error.strerror}.") from error
    if len(data) > MOST_STDIN_BYTES:
        raise BadInput(f"Standard input is too large: it may have {MOST_STDIN_BYTES // 2**20} MiB.")
    return data


def read_stdin_so_far() -> tuple[bytes, bool]:
    """What of standard input is there soon, and whether that is all. Raises BadInput."""
    if not has_input():
        return b"", True
    if stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode):
        return read_stdin(), True
    data = bytearray()
    ends_at = time.monotonic() + LONGEST_SECONDS
    while len(data) <= MOST_STDIN_BYTES and (left := ends_at - time.monotonic()) > 0:
        if not select.select([sys.stdin], [], [], min(left, SILENCE_SECONDS))[0]:
            break
        try:
            piece = os.read(sys.stdin.fileno(), READ_BYTES)
        except OSError as error:
            raise BadInput(f"Standard input cannot be read: {error.strerror}.") from error
        if not piece:
            return bytes(data), True
        data += piece
    return bytes(data), False


def write(stream: TextIO | None, data: bytes) -> None:
    """Write it all. Quiet where the stream is closed. Raises ReaderGone where nobody reads standard output any more,
    and BadInput where the disk is full.
    """
    if stream is None:
        return
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.flush()
    except BrokenPipeError as error:
        discard(stream)
        if stream is sys.stdout:
            raise ReaderGone from error
    except OSError as error:
        discard(stream)
        raise BadInput(f"The output cannot be written: {error.strerror}.") from error


def discard(stream: TextIO) -> None:
    """What is still buffered would be written, and fail, once more when the interpreter exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
