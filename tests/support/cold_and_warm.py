"""The same submission run both ways: by the program that was started ahead, and by one started for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from ccx.wire import Verdict
from ccx_orchestrator.docker_host.engine.client import open_engine
from ccx_orchestrator.docker_host.execution.session import RunnerSession
from ccx_orchestrator.docker_host.janitor import this_process
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.runner.protocol import Prestarted, prestart_frames
from ccx_orchestrator.docker_host.sandboxes.hardening import Owner
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandbox, Sandboxes
from ccx_orchestrator.docker_host.sandboxes.sandbox_spec import spec_for
from ccx_orchestrator.domain.events import ArtifactSent, Event, Finished, Output, Restarted, StepJudged, StepReport
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.settings import Settings
from tests.support.node import DEADLINE_SECONDS, Files, submission

AT_ONCE = 3


@dataclass(frozen=True)
class Program:
    """A submission and why it is there."""

    about: str
    files: Files
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """All that a user can see of a run, but for how long it took and how much it needed."""

    finished: Finished
    judged: tuple[tuple[Any, ...], ...]
    output: tuple[tuple[Any, ...], ...]
    artifacts: tuple[ArtifactSent, ...]

    @property
    def verdict(self) -> Verdict:
        return self.finished.verdict


def observed(events: list[Event | Restarted]) -> Observed:
    judged = [event for event in events if isinstance(event, StepJudged)]
    output: dict[tuple[Any, ...], bytes] = {}
    for event in events:
        if isinstance(event, Output):
            key = (event.case, event.stream)
            output[key] = output.get(key, b"") + event.data
    # Where things are in memory, and what a machine counts them by, is by chance.
    output = {key: re.sub(rb"(0x|@)[0-9a-f]{7,}", rb"\1", text) for key, text in output.items()}
    finished = events[-1]
    assert isinstance(finished, Finished)
    return Observed(
        finished,
        tuple(
            (one.case, one.verdict, one.limit, one.message, one.report.how, one.report.code, one.report.ended_by)
            for one in judged
        ),
        tuple(sorted((str(key), text) for key, text in output.items())),
        tuple(event for event in events if isinstance(event, ArtifactSent)),
    )


def reports(events: list[Event | Restarted]) -> list[StepReport]:
    """The runner's figures of each step."""
    return [event.report for event in events if isinstance(event, StepJudged)]


@dataclass
class BothWays:
    """Runs submissions of one language on the local engine, in sandboxes that are alike but for the prestart."""

    language: Language
    image: str
    sandboxes: Sandboxes
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def events(self, program: Program, *, prestarted: bool) -> list[Event | Restarted]:
        language = self.language if prestarted else self.language.model_copy(update={"prestart": None})
        plan = make_plan(submission(language.name, program.files, **program.fields), lambda _: language)
        events: list[Event | Restarted] = []

        async def emit(event: Event | Restarted) -> None:
            events.append(event)

        spec = replace(spec_for(language, self.image, plan.limits), opening=b"")
        async with (
            self._turns,
            asyncio.timeout(DEADLINE_SECONDS),
            self.sandboxes.open(spec, uuid4().hex) as sandbox,
        ):
            if prestarted:
                await _prestart(sandbox, language)
            await RunnerSession(sandbox, plan, emit).hold()
        return events

    async def compare(self, program: Program) -> tuple[Observed, Observed]:
        """What came of it when it was prestarted, and when it was not."""
        ahead, plain = await asyncio.gather(
            self.events(program, prestarted=True), self.events(program, prestarted=False)
        )
        return observed(ahead), observed(plain)

    async def differences(self, programs: list[Program]) -> list[tuple[str, Observed, Observed]]:
        """Those of the programs that behave in one way as they do not in the other."""
        pairs = await asyncio.gather(*map(self.compare, programs))
        return [
            (program.about, ahead, plain)
            for program, (ahead, plain) in zip(programs, pairs, strict=True)
            if ahead != plain
        ]


async def _prestart(sandbox: Sandbox, language: Language) -> None:
    """As a sandbox that has been in the pool for a while is found."""
    await sandbox.link.send(prestart_frames(language))
    assert await sandbox.link.receive() == Prestarted()


@asynccontextmanager
async def both_ways(language: str) -> AsyncIterator[BothWays]:
    name = f"both-ways-{uuid4().hex[:8]}"
    async with open_engine() as engine:
        languages = await Languages.find_images(engine, Settings().images_dir, [language])
        sandboxes = Sandboxes(engine, Owner(name, this_process()))
        yield BothWays(languages.find(language), languages.image(language).id, sandboxes)
        await sandboxes.drain()
        assert await engine.labelled(f"ccx.owner={name}") == []
