"""`ccx run -i`: this terminal becomes the program's. What is typed goes to it, Ctrl-C and Ctrl-D included.

Where standard input or output is no terminal, the same without one: bytes in, bytes out, while it runs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from contextlib import ExitStack, aclosing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from ccx.cli.output.live_output import Followed, told_where_it_is_lost
from ccx.cli.output.progress import Progress
from ccx.errors import BadInput, UnexpectedAnswer
from ccx.events import Done, Output, Queued, Started
from ccx.messages import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from ccx.cli.output.presentation import Passage
    from ccx.client import Client
    from ccx.interactive import Session
    from ccx.wire import Submission, SubmissionRequest

READ_BYTES = 16_384
USUAL_SIZE = (80, 24)
_SIGNAL_BASE = 128


async def converse(client: Client, request: SubmissionRequest, passage: Passage, first: bytes = b"") -> Submission:
    """Run the program with this terminal, to its end; the submission that has ended. `first` is what was read of
    standard input before.
    """
    size = _size() if _is_terminal() else None
    # The terminal is restored before anything else ends: a node that is slow to part must not keep it.
    async with client.interactive(request, size) as session:
        with ExitStack() as stack:
            return await _Conversation(client, session, passage, stack, first, in_terminal=size is not None).hold()


class _Conversation:
    """One session. What it opens is closed with the stack: the terminal is restored whatever happens."""

    def __init__(
        self, client: Client, session: Session, passage: Passage, stack: ExitStack, first: bytes, *, in_terminal: bool
    ) -> None:
        self._client = client
        self._session = session
        self._passage = passage
        self._stack = stack
        self._first = first
        self._in_terminal = in_terminal
        self._tasks: set[asyncio.Task[None]] = set()

    async def hold(self) -> Submission:
        try:
            with told_where_it_is_lost() as followed, Progress() as progress:
                return await self._follow(followed, progress)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, followed: Followed, progress: Progress) -> Submission:
        async with aclosing(self._session.events()) as events:
            async for event in events:
                match event:
                    case Queued():
                        followed.submission_id = event.submission_id
                        progress.waiting(event.position)
                    case Started():
                        progress.clear()
                        self._begin()
                    case Output():
                        self._passage.write(event)
                    case Done():
                        return event.submission or await self._client.submission(followed.submission_id)
                    case _:
                        pass
        raise UnexpectedAnswer("The node ended the session before the program had ended.")

    def _begin(self) -> None:
        """It runs: from here on what is typed is the program's. Before, Ctrl-C ends ccx itself."""
        if self._in_terminal:
            self._stack.enter_context(_raw(sys.stdin.fileno()))
            self._stack.enter_context(_on(signal.SIGWINCH, lambda: self._start(self._session.resize(_size()))))
        if sys.stdin is None:
            self._start(self._session.end_input())
        else:
            self._start(_type_all(sys.stdin.fileno(), self._session, self._first))

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)


async def _type_all(fd: int, session: Session, first: bytes) -> None:
    """What was read before, all that can be read, as soon as it can be, and then the end."""
    for start in range(0, len(first), READ_BYTES):
        await session.type(first[start : start + READ_BYTES])
    try:
        while data := await _read(fd):
            await session.type(data)
    except OSError as error:
        raise BadInput(f"Standard input cannot be read: {error.strerror}.") from error
    await session.end_input()


async def _read(fd: int) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(fd, readable.set)
    except PermissionError:  # a file, which always is readable
        return os.read(fd, READ_BYTES)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(fd)
    return os.read(fd, READ_BYTES)


@contextmanager
def _raw(fd: int) -> Iterator[None]:
    """The terminal passes every key on and changes nothing of what is shown; as it was before, afterwards."""
    before = termios.tcgetattr(fd)
    task = asyncio.current_task()
    ended_by: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        ended_by.append(number)
        if task is not None:
            task.cancel()

    with ExitStack() as handlers:
        for number in (signal.SIGTERM, signal.SIGHUP):
            handlers.enter_context(_on(number, partial(end, number)))
        tty.setraw(fd, termios.TCSADRAIN)
        try:
            yield
        except asyncio.CancelledError:
            if ended_by:
                raise SystemExit(_SIGNAL_BASE + ended_by[0]) from None
            raise
        finally:
            with suppress(termios.error):  # a terminal that is gone needs no mode
                termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def _on(number: signal.Signals, handle: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    before = signal.getsignal(number)
    loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
        signal.signal(number, before)


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _size() -> Terminal:
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return Terminal(rows=rows or USUAL_SIZE[1], columns=columns or USUAL_SIZE[0])
