"""What a user does to a program, as frames for its runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from ccx_orchestrator.docker_host.execution.beside import beside
from ccx_orchestrator.docker_host.runner.connection import RunnerLink
from ccx_orchestrator.docker_host.runner.protocol import (
    MAX_DATA,
    input_end_frame,
    input_frame,
    signal_frame,
    window_frame,
)
from ccx_orchestrator.domain.controls import Control, InputEnded, Signalled, Typed, WindowSize
from ccx_orchestrator.ports.execution import Controls


class InteractiveInput:
    """Passes controls on to the one step of an interactive plan, from its beginning to the end of the context.

    What may be typed ahead is the runner's own window, so that nothing ever waits here and a signal is never held up.
    """

    def __init__(self, link: RunnerLink, controls: Controls) -> None:
        self._link = link
        self._controls = controls
        self._begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Pass on what is done as long as the context lasts."""
        async with beside(self._pass_on()):
            yield

    def begin(self, step: int) -> None:
        """The step has begun: the runner takes frames for it."""
        if not self._begun.done():
            self._begun.set_result(step)

    def taken(self, amount: int) -> None:
        """The program has taken so many bytes."""
        self._controls.taken(amount)

    async def _pass_on(self) -> None:
        step = await self._begun
        while True:
            await self._link.send(b"".join(_frames(step, await self._controls.next())))


def _frames(step: int, control: Control) -> Iterator[bytes]:
    match control:
        case Typed(data):
            for start in range(0, len(data), MAX_DATA):
                yield input_frame(step, data[start : start + MAX_DATA])
        case InputEnded():
            yield input_end_frame(step)
        case Signalled(signal):
            yield signal_frame(step, signal)
        case WindowSize(rows, columns):
            yield window_frame(step, rows, columns)
