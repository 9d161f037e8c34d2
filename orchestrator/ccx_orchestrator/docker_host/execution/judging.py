"""A checker or an interactor at work, in a sandbox of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ccx.wire import Verdict
from ccx_orchestrator.docker_host.execution.beside import Answer, beside
from ccx_orchestrator.docker_host.execution.crossing import Crossing
from ccx_orchestrator.docker_host.execution.dialogue import COMPILE_STEP, Dialogue
from ccx_orchestrator.docker_host.execution.interactive_input import InteractiveInput
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandbox
from ccx_orchestrator.domain.checking import (
    ANSWER,
    FEEDBACK_FILES,
    INPUT,
    MAKES_FEEDBACK,
    MAX_FEEDBACK_BYTES,
    OUTPUT,
    does_not_compile,
    failed,
    judged,
)
from ccx_orchestrator.domain.events import Stream
from ccx_orchestrator.domain.plan import Judge, Judging, PlannedFile
from ccx_orchestrator.domain.verdicts import Judgement, judge_compile, mebibytes
from ccx_orchestrator.ports.execution import SandboxLost

MAX_OUTPUT_BYTES = 16 * 1024 * 1024  # of a file with feedback, to be looked into at all


class JudgeSession:
    """Judges the cases of one submission, one after the other. What its program does wrong is a judgement: an internal
    error of the judge, not of the submission. Raises SandboxLost.
    """

    def __init__(self, sandbox: Sandbox, judge: Judge) -> None:
        self._sandbox = sandbox
        self._judge = judge
        self._dialogue = Dialogue(sandbox.link, judge.environment)
        self._step = COMPILE_STEP  # the last that was sent
        self._said = {stream: bytearray() for stream in Stream}
        self._preparing: asyncio.Task[Judgement | None] | None = None

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Compiles it meanwhile. At the end nothing of it goes on."""
        async with beside(self._guarded(self._prepare())) as self._preparing:
            yield

    async def failure(self) -> Judgement | None:
        """Wait until it is ready to judge; why it never will be."""
        assert self._preparing is not None  # noqa: S101  (asked within `at_work` only)
        return await self._preparing

    async def check(self, judging: Judging, output: bytes) -> Judgement:
        """What a checker says of that output."""
        return await self._guarded(self._check(judging, output))

    async def interact(self, judging: Judging, hears: Crossing, says: Crossing) -> Judgement:
        """What an interactor says of the program that it talks to. Its end is the end of what it says."""
        try:
            return await self._guarded(self._interact(judging, hears, says))
        finally:
            says.end()

    async def cancel(self) -> None:
        """End the step that runs, should there be one."""
        if self._dialogue.awaited is not None:
            await self._dialogue.cancel(self._dialogue.awaited)

    async def _guarded(self, work: Coroutine[Any, Any, Answer]) -> Answer | Judgement:
        try:
            return await work
        except SandboxLost as lost:
            death = await self._sandbox.death()
            if death is None or not death.out_of_memory:
                raise SandboxLost(f"the {self._judge.title}: {lost} ({death})") from lost
            limit = mebibytes(self._judge.limits.memory_bytes)
            return failed(self._judge.title, f"It needed more memory than its limit of {limit}", self._heard())

    async def _prepare(self) -> Judgement | None:
        await self._dialogue.put(self._judge.files)
        if (step := self._judge.compile) is not None:
            await self._dialogue.start(COMPILE_STEP, step, self._hear)
            report = await self._dialogue.result_of(COMPILE_STEP)
            compiled = judge_compile(report, self._sandbox.held_to(step.limits)).because(self._judge.source_trouble)
            if compiled.verdict is not Verdict.OK:
                return does_not_compile(self._judge.title, compiled.message or "", self._heard())
        await self._sandbox.limit(self._judge.limits.memory_bytes, self._judge.limits.processes)
        await self._dialogue.preserve()
        return None

    async def _check(self, judging: Judging, output: bytes) -> Judgement:
        await self._set_out(judging, PlannedFile(OUTPUT, output))
        stdin = output if self._judge.convention == "kattis" else b""
        await self._dialogue.start(self._step, replace(judging.step, stdin=stdin), self._hear)
        return await self._judged(judging)

    async def _interact(self, judging: Judging, hears: Crossing, says: Crossing) -> Judgement:
        async def hear(stream: Stream, data: bytes) -> None:
            if stream is Stream.STDOUT:
                says.put(data)
            else:
                await self._hear(stream, data)

        await self._set_out(judging)
        keyboard = InteractiveInput(self._dialogue.link, hears)
        async with keyboard.connected():
            await self._dialogue.start(self._step, judging.step, hear, keyboard=keyboard)
            return await self._judged(judging)

    async def _set_out(self, judging: Judging, *more: PlannedFile) -> None:
        """What the next step finds in its work directory."""
        if self._step != COMPILE_STEP:
            await self._dialogue.go_back()
        self._step += 1
        self._said = {stream: bytearray() for stream in Stream}
        files = (
            PlannedFile(INPUT, judging.input),
            PlannedFile(ANSWER, judging.answer),
            PlannedFile(MAKES_FEEDBACK, b""),
        )
        await self._dialogue.put((*files, *more), replaces=True)

    async def _judged(self, judging: Judging) -> Judgement:
        report = await self._dialogue.result_of(self._step)
        feedback = [await self._dialogue.fetch(name, MAX_OUTPUT_BYTES) for name in self._feedback_files()]
        text = "\n".join(filter(None, (_text(data) for data, _ in feedback))) or self._heard()
        return judged(report, judging.step.limits, self._judge.convention, text, self._judge.title)

    def _feedback_files(self) -> tuple[str, ...]:
        return FEEDBACK_FILES if self._judge.convention == "kattis" else ()

    async def _hear(self, stream: Stream, data: bytes) -> None:
        room = MAX_FEEDBACK_BYTES - len(self._said[stream])
        self._said[stream] += data[: max(0, room)]

    def _heard(self) -> str:
        """What it wrote, the beginning of it: to standard error, or else to standard output."""
        return _text(bytes(self._said[Stream.STDERR])) or _text(bytes(self._said[Stream.STDOUT]))


def _text(data: bytes) -> str:
    return data[:MAX_FEEDBACK_BYTES].decode(errors="replace").strip()
