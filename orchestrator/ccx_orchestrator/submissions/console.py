"""Between a user at a socket and a program in a sandbox: what was typed and not taken yet, bounded."""

from __future__ import annotations

import asyncio
from collections import deque

from ccx.errors import InvalidSubmission
from ccx.messages import INPUT_WINDOW
from ccx.wire import FieldError
from ccx_orchestrator.domain.controls import Control, InputEnded, Typed, WindowSize

MAX_WAITING = 1_000  # controls; what is typed in a row counts as one


class Console:
    """A `ports.Controls`: the socket's side does, the sandbox's side takes. Both are on one event loop."""

    def __init__(self, window: WindowSize | None) -> None:
        self.window = window
        self._waiting: deque[Control] = deque([window] if window else [])
        self._untaken_bytes = 0
        self._has_ended = False
        self._news = asyncio.Event()
        self._credit = 0
        self._credit_news = asyncio.Event()

    def do(self, control: Control) -> None:
        """Hand a control over. Raises InvalidSubmission for input that goes beyond the window, for input after its
        end, and where far too much waits.
        """
        match control:
            case Typed(data):
                self._type(data)
            case InputEnded():
                self._has_ended = True
                self._waiting.append(control)
            case _:
                self._waiting.append(control)
        if len(self._waiting) > MAX_WAITING:
            raise _refusal("type", "comes faster than the program can be told")
        self._news.set()

    async def next(self) -> Control:
        """See `ports.Controls`."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def taken(self, amount: int) -> None:
        """See `ports.Controls`."""
        self._untaken_bytes -= amount
        self._credit += amount
        self._credit_news.set()

    async def credit(self) -> int:
        """How many bytes were taken since the last call; waits for the first."""
        await self._credit_news.wait()
        self._credit_news.clear()
        amount, self._credit = self._credit, 0
        return amount

    def _type(self, data: bytes) -> None:
        if self._has_ended:
            raise _refusal("data", "comes after the end of the input")
        if self._untaken_bytes + len(data) > INPUT_WINDOW:
            raise _refusal("data", f"goes beyond the {INPUT_WINDOW} bytes that may wait for the program to take them")
        self._untaken_bytes += len(data)
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, Typed):
            self._waiting[-1] = Typed(last.data + data)
        else:
            self._waiting.append(Typed(data))


def _refusal(field: str, message: str) -> InvalidSubmission:
    return InvalidSubmission(f"{field} {message}.", (FieldError(field=field, message=message),))
