"""The proof of an image: its reference program, run as any submission is, must print what the language promises, and be
ended by a limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from ccx.errors import CcxError
from ccx.wire import LimitOverrides, SourceFile, SubmissionRequest, Verdict, encode
from ccx_orchestrator.docker_host.engine.client import Image, open_engine
from ccx_orchestrator.docker_host.execution.executor import DockerExecutor
from ccx_orchestrator.docker_host.janitor import this_process
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.sandboxes.hardening import USUAL, Owner, Runtime
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandboxes
from ccx_orchestrator.domain.controls import Control
from ccx_orchestrator.domain.events import Event, Finished, Output, Restarted, Stream
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.planning import make_interactive, make_plan
from ccx_orchestrator.ports.execution import SandboxLost

OWNER = "proof"
ENDED_AFTER_SECONDS = 0.2


class ImageCheckFailed(CcxError):
    """An image does not do what its language promises."""


async def prove(language: Language, image: str, images: Path, runtime: Runtime = USUAL, node: str = OWNER) -> None:
    """Run the reference program of a language in an image, by that runtime of the engine's, for that node.

    Raises ImageCheckFailed, or EngineUnavailable.
    """
    async with open_engine() as engine:
        sandboxes = Sandboxes(engine, Owner(node, await asyncio.to_thread(this_process)))

        def executor(way: Language) -> DockerExecutor:
            languages = Languages({way.name: way}, {way.name: Image(image, "", "")})
            return DockerExecutor(engine, sandboxes, languages, node, {way.name: runtime})

        folder = images / language.name
        try:
            for way in _ways(language, runtime):
                _check(await _events(executor(way), _reference_plan(way, folder)), way)
            await _events(executor(language), _endless_plan(language, folder), _NoControls())
        finally:
            await sandboxes.drain()


def _ways(language: Language, runtime: Runtime) -> Iterator[Language]:
    """A program can be started for the submission, and it can have been started ahead."""
    yield language.model_copy(update={"prestart": None})
    if language.prestart and runtime.starts_ahead:
        yield language.model_copy(update={"prestart": language.prestart.model_copy(update={"pays_cold": True})})


class _NoControls:
    """A user who types nothing."""

    async def next(self) -> Control:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    def taken(self, amount: int) -> None:
        """Nothing was."""


async def _events(executor: DockerExecutor, plan: Plan, controls: _NoControls | None = None) -> list[Event | Restarted]:
    events: list[Event | Restarted] = []

    async def emit(event: Event | Restarted) -> None:
        events.append(event)

    try:
        await executor.run(uuid4().hex, plan, emit, controls)
    except SandboxLost as lost:
        raise ImageCheckFailed(f"{plan.language.reference.file} did not run: {lost}.") from lost
    return events


def _reference_plan(language: Language, folder: Path) -> Plan:
    # With all the time there is: it is not about how quick the host is.
    longest = language.limits.highest
    limits = LimitOverrides(cpu_seconds=longest.cpu_seconds, wall_seconds=longest.wall_seconds)
    return make_plan(_request(language, folder, stdin=language.reference.stdin, limits=limits), lambda _: language)


def _endless_plan(language: Language, folder: Path) -> Plan:
    """One whose program waits for input that does not come, until its time is over: how it is told to end does not
    matter, but it has to.
    """
    request = _request(language, folder, limits=LimitOverrides(wall_seconds=ENDED_AFTER_SECONDS))
    return make_interactive(make_plan(request, lambda _: language), request, has_terminal=False)


def _request(language: Language, folder: Path, **fields: Any) -> SubmissionRequest:
    reference = language.reference
    text, encoding = encode((folder / reference.file).read_bytes())
    file = SourceFile(name=reference.file, content=text, encoding=encoding)
    return SubmissionRequest(language=language.name, files=(file,), **fields)


def _check(events: list[Event | Restarted], language: Language) -> None:
    """Raise ImageCheckFailed unless the run ended well, with the very output promised."""
    said = dict.fromkeys(Stream, b"")
    for event in events:
        if isinstance(event, Output):
            said[event.stream] += event.data
    end = events[-1]
    if not isinstance(end, Finished) or end.verdict is not Verdict.OK:
        errors = said[Stream.STDERR].decode(errors="replace")
        raise ImageCheckFailed(f"{language.reference.file} ended with {end}.\n{errors}")
    if said[Stream.STDOUT] != language.reference.stdout.encode():
        raise ImageCheckFailed(
            f"{language.reference.file} printed {said[Stream.STDOUT]!r}, not {language.reference.stdout!r}."
        )
