"""The executor that runs plans on this node's own Docker host."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Protocol

import structlog

from ccx.errors import ImageMissing
from ccx_orchestrator.docker_host.engine.client import Engine
from ccx_orchestrator.docker_host.execution.judging import JudgeSession
from ccx_orchestrator.docker_host.execution.session import RunnerSession
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.sandboxes.hardening import USUAL, Runtime, SandboxSpec
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandbox
from ccx_orchestrator.docker_host.sandboxes.sandbox_spec import spec_for
from ccx_orchestrator.domain.events import Started
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.ports.execution import Controls, Emit, SandboxHung, SandboxLost

log = structlog.get_logger(__name__)

# What a runner may need beyond the limits of its steps: files to write, a busy host, output to hand over.
GRACE_SECONDS = 20.0
GRACE_PER_CASE_SECONDS = 1.0


class Source(Protocol):
    """Where sandboxes come from: made for the submission, or before it came."""

    def open(self, spec: SandboxSpec, submission: str) -> AbstractAsyncContextManager[Sandbox]:
        """A ready sandbox like that, which nobody has used or will use again.

        Where the context ends well it may still be on its way out; otherwise it is gone.
        Raises EngineUnavailable, ImageMissing or SandboxLost.
        """


class DockerExecutor:
    """Runs each plan in a container of its own."""

    def __init__(
        self,
        engine: Engine,
        sandboxes: Source,
        languages: Languages,
        node: str,
        runtimes: Mapping[str, Runtime] | None = None,
    ) -> None:
        """`runtimes`: the engine's runtime for each language that has not its default one."""
        self._engine = engine
        self._sandboxes = sandboxes
        self._languages = languages
        self._node = node
        self._runtimes = runtimes or {}

    async def check(self) -> None:
        """Raise EngineUnavailable unless the engine answers."""
        await self._engine.ping()

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        """See `ports.Executor`."""
        try:
            await self._run(submission_id, plan, emit, controls)
        except ImageMissing:
            # Built again, and the old one removed, since somebody looked last.
            if not any([await self._languages.refresh(self._engine, name) for name in plan.languages]):
                raise
            await self._run(submission_id, plan, emit, controls)

    async def _run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None) -> None:
        async with AsyncExitStack() as sandboxes:

            async def open_for(language: Language, limits: Limits) -> Sandbox:
                runtime = self._runtimes.get(language.name, USUAL)
                spec = spec_for(language, self._languages.image(language.name).id, limits, runtime)
                return await sandboxes.enter_async_context(self._sandboxes.open(spec, submission_id))

            sandbox = await open_for(plan.language, plan.limits)
            judges = [JudgeSession(await open_for(judge.language, judge.limits), judge) for judge in plan.judges]
            await emit(Started(self._node, self._languages.image(plan.language.name).version))
            await self._converse(sandbox, plan, RunnerSession(sandbox, plan, emit, controls, judges))

    async def _converse(self, sandbox: Sandbox, plan: Plan, conversation: RunnerSession) -> None:
        seconds = plan.deadline_seconds + GRACE_SECONDS + GRACE_PER_CASE_SECONDS * len(plan.cases)
        try:
            async with asyncio.timeout(seconds):
                await conversation.hold()
        except TimeoutError as error:
            raise SandboxHung(f"the sandbox did not end within {seconds:g} s") from error
        except SandboxLost as lost:
            death = await sandbox.death()
            if death is None or not death.out_of_memory:
                raise SandboxLost(f"{lost} ({death})") from lost
            # The kernel found nothing left to kill but the runner: the submission's files alone fill its memory. Or it
            # killed all at once, because the runtime is a kernel of its own.
            await conversation.end_out_of_memory()
