"""What is said to one runner: files, steps and their input, and what comes back of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from ccx_orchestrator.docker_host.execution.interactive_input import InteractiveInput
from ccx_orchestrator.docker_host.runner.connection import RunnerLink
from ccx_orchestrator.docker_host.runner.protocol import (
    MAX_DATA,
    MAX_PAYLOAD,
    Begun,
    Chunk,
    Credit,
    FileAnswer,
    FileData,
    FileNames,
    Frame,
    Prestarted,
    Result,
    back_frame,
    cancel_frame,
    file_frames,
    get_frame,
    input_end_frame,
    input_frame,
    list_frame,
    preserve_frame,
    step_frame,
)
from ccx_orchestrator.domain.events import StepReport, Stream
from ccx_orchestrator.domain.plan import PlannedFile, Step
from ccx_orchestrator.ports.execution import SandboxLost

COMPILE_STEP = 1

OnOutput = Callable[[Stream, bytes], Awaitable[None]]


@dataclass(slots=True)
class _Running:
    """A step the runner knows of, and what it still has to be given."""

    step: Step
    on_output: OnOutput
    keyboard: InteractiveInput | None
    sent: int
    credit: int
    has_begun: bool = False


class Dialogue:
    """With one runner. Steps have numbers from 1 on; at most two are under way at a time. What is wrong with the runner
    is raised as SandboxLost.
    """

    def __init__(self, link: RunnerLink, environment: tuple[str, ...]) -> None:
        self.link = link
        self._environment = environment
        self._steps: dict[int, _Running] = {}
        self.awaited: int | None = None  # the step whose result is waited for

    async def put(self, files: Iterable[PlannedFile], *, replaces: bool = False) -> None:
        """Files for the work directory. Where one cannot be written, the next step cannot be started."""
        for file in files:
            for piece in file_frames(file.name, file.data, replaces=replaces):
                await self.link.send(piece)

    async def preserve(self) -> None:
        """Remember the work directory as it is."""
        await self.link.send(preserve_frame())

    async def go_back(self) -> None:
        """Have the work directory as it was preserved."""
        await self.link.send(back_frame())

    async def start(
        self,
        number: int,
        step: Step,
        on_output: OnOutput,
        *,
        restore: bool = False,
        keyboard: InteractiveInput | None = None,
    ) -> None:
        """Send a step. `keyboard`: where the input of an interactive one comes from."""
        data, inline = step_frame(number, step, self._environment, restore=restore)
        self._steps[number] = _Running(step, on_output, keyboard, sent=inline, credit=MAX_PAYLOAD - inline)
        await self.link.send(data)

    async def cancel(self, number: int) -> None:
        """End a step that has begun: its result says so."""
        await self.link.send(cancel_frame(number))

    async def result_of(self, number: int) -> StepReport:
        """Serve the runner until that step has ended."""
        self.awaited = number
        while True:
            match await self.link.receive():
                case Result(step, report) if step == number:
                    self.awaited = None
                    del self._steps[number]
                    return report
                case Chunk(step, is_stderr, data):
                    await self._known(step).on_output(Stream.STDERR if is_stderr else Stream.STDOUT, data)
                case Begun(step):
                    await self._begin(step)
                case Credit(step, amount):
                    await self._take(step, amount)
                case Prestarted():
                    pass  # in time for its step, at the latest
                case other:
                    raise _unexpected(other)

    async def fetch(self, name: str, most_bytes: int) -> tuple[bytes, str]:
        """A file of the work directory, or why there is none. No step may be under way."""
        await self.link.send(get_frame(name, most_bytes))
        answer = await self.link.receive()
        if not isinstance(answer, FileAnswer):
            raise _unexpected(answer)
        return b"".join([piece async for piece in self._pieces(answer.size)]), answer.error

    async def names(self) -> FileNames:
        """The files of the work directory. No step may be under way."""
        await self.link.send(list_frame())
        answer = await self.link.receive()
        if not isinstance(answer, FileNames):
            raise _unexpected(answer)
        return answer

    async def _begin(self, number: int) -> None:
        running = self._known(number)
        running.has_begun = True
        await self._feed(number, running)
        if running.keyboard:
            running.keyboard.begin(number)

    async def _take(self, number: int, amount: int) -> None:
        running = self._known(number)
        running.credit += amount
        await self._feed(number, running)
        if running.keyboard:
            running.keyboard.taken(amount)

    async def _feed(self, number: int, running: _Running) -> None:
        """Give a step as much of its input as its credit allows."""
        stdin = running.step.stdin
        while running.has_begun and running.credit and running.sent < len(stdin):
            piece = stdin[running.sent : running.sent + min(running.credit, MAX_DATA)]
            running.sent += len(piece)
            running.credit -= len(piece)
            await self.link.send(input_frame(number, piece))
            if running.sent == len(stdin):
                await self.link.send(input_end_frame(number))

    def _known(self, step: int) -> _Running:
        if step not in self._steps:
            raise SandboxLost(f"the runner spoke of step {step}, which it was never given")
        return self._steps[step]

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        while size > 0:
            piece = await self.link.receive()
            if not isinstance(piece, FileData) or not piece.data:
                raise _unexpected(piece)
            size -= len(piece.data)
            yield piece.data


def _unexpected(frame: Frame) -> SandboxLost:
    return SandboxLost(f"the runner sent a frame out of turn: {type(frame).__name__}")
