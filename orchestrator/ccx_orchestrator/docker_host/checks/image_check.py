"""The proof of an image: its reference program, run as any submission is, must print what the language promises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from ccx.errors import CcxError
from ccx.wire import SourceFile, SubmissionRequest, Verdict, encode
from ccx_orchestrator.docker_host.engine.client import Image, open_engine
from ccx_orchestrator.docker_host.execution.executor import DockerExecutor
from ccx_orchestrator.docker_host.janitor import this_process
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.sandboxes.hardening import USUAL, Owner, Runtime
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandboxes
from ccx_orchestrator.domain.events import Event, Finished, Output, Restarted, Stream
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.ports.execution import SandboxLost

OWNER = "proof"


class ImageCheckFailed(CcxError):
    """An image does not do what its language promises."""


async def prove(language: Language, image: str, images: Path, runtime: Runtime = USUAL, node: str = OWNER) -> None:
    """Run the reference program of a language in an image, by that runtime of the engine's, for that node.

    Raises ImageCheckFailed, or EngineUnavailable.
    """
    async with open_engine() as engine:
        sandboxes = Sandboxes(engine, Owner(node, await asyncio.to_thread(this_process)))
        try:
            for way in _ways(language, runtime):
                languages = Languages({way.name: way}, {way.name: Image(image, "", "")})
                executor = DockerExecutor(engine, sandboxes, languages, node, {way.name: runtime})
                _check(await _events(executor, _reference_plan(way, images / way.name)), way)
        finally:
            await sandboxes.drain()


def _ways(language: Language, runtime: Runtime) -> Iterator[Language]:
    """A program can be started for the submission, and it can have been started ahead."""
    yield language.model_copy(update={"prestart": None})
    if language.prestart and runtime.starts_ahead:
        yield language.model_copy(update={"prestart": language.prestart.model_copy(update={"pays_cold": True})})


async def _events(executor: DockerExecutor, plan: Plan) -> list[Event | Restarted]:
    events: list[Event | Restarted] = []

    async def emit(event: Event | Restarted) -> None:
        events.append(event)

    try:
        await executor.run(uuid4().hex, plan, emit)
    except SandboxLost as lost:
        raise ImageCheckFailed(f"{plan.language.reference.file} did not run: {lost}.") from lost
    return events


def _reference_plan(language: Language, folder: Path) -> Plan:
    reference = language.reference
    text, encoding = encode((folder / reference.file).read_bytes())
    file = SourceFile(name=reference.file, content=text, encoding=encoding)
    return make_plan(
        SubmissionRequest(language=language.name, files=(file,), stdin=reference.stdin), lambda _: language
    )


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
