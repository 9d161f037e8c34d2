"""One throwaway container: made, used once, destroyed, whatever happens in between."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import structlog

from ccx.errors import EngineUnavailable
from ccx_orchestrator.docker_host.engine.client import Death, Engine
from ccx_orchestrator.docker_host.runner.connection import RunnerLink
from ccx_orchestrator.docker_host.runner.protocol import VERSION, Frame, Prestarted, Ready
from ccx_orchestrator.docker_host.sandboxes.hardening import Identity, Owner, SandboxSpec, container_config, resources
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.ports.execution import SandboxLost

log = structlog.get_logger(__name__)

READY_SECONDS = 30.0  # from start to the runner's first frame, on a busy host
BURY_ATTEMPTS = 3
BURY_PAUSE_SECONDS = 1.0
# Removing costs the engine half of what starting does. Where it falls behind, what starts next waits for it.
BURIALS_AT_ONCE = 2
MOST_UNBURIED = 64
# For a container to end by itself. To kill it the engine would start one more process.
END_SECONDS = 1.0
# The engine hears of a container's end after its streams have closed.
DEATH_PAUSES_SECONDS = (0.05, 0.15, 0.3, 0.5)
# A uid of its own for every sandbox that lives at the same time: limits that the kernel counts by uid stay apart.
FIRST_UID = 20_000
UIDS = 10_000


class Sandbox:
    """A started container and the link to its runner, who has said that it is ready."""

    def __init__(self, engine: Engine, name: str, spec: SandboxSpec, link: RunnerLink) -> None:
        self._engine = engine
        self._limits = (spec.memory_bytes, spec.processes)
        self.name = name
        self.spec = spec
        self.link = link

    async def limit(self, memory_bytes: int, processes: int) -> None:
        """Narrow or widen the memory and process limits, where they differ from those it has.

        One whose runtime is fixed was made with those of its run.
        """
        if self.spec.runtime.is_fixed:
            return
        if (memory_bytes, processes) != self._limits:
            await self._engine.limit(self.name, resources(memory_bytes, processes))
            self._limits = (memory_bytes, processes)

    def held_to(self, limits: Limits) -> Limits:
        """What a compiler that has these limits is really held to."""
        if not self.spec.runtime.is_fixed:
            return limits
        return limits.changed(memory_bytes=self.spec.memory_bytes, processes=self.spec.processes)

    async def death(self) -> Death | None:
        """How the container ended, None where it runs on or is gone. The engine hears of it after the streams have
        closed.
        """
        for seconds in DEATH_PAUSES_SECONDS:
            if (death := await self._engine.death(self.name)) is not None:
                return death
            await asyncio.sleep(seconds)
        return await self._engine.death(self.name)


class Sandboxes:
    """Makes sandboxes for one node and sees to their end."""

    def __init__(self, engine: Engine, owner: Owner) -> None:
        self._engine = engine
        self._owner = owner
        # Nodes that share a host do not know of each other: each begins somewhere else.
        self._uids = itertools.count(secrets.randbelow(UIDS))
        self._burials: set[asyncio.Task[None]] = set()
        self._grave_diggers = asyncio.Semaphore(BURIALS_AT_ONCE)
        self.alive: set[str] = set()

    @asynccontextmanager
    async def open(self, spec: SandboxSpec, submission: str) -> AsyncIterator[Sandbox]:
        """A ready sandbox for that submission, gone with the context. Raises as `make` does."""
        sandbox = await self.make(spec, submission)
        try:
            yield sandbox
        finally:
            await asyncio.shield(self.discard(sandbox))

    async def make(self, spec: SandboxSpec, submission: str = "") -> Sandbox:
        """A ready sandbox, which the caller has to `discard`. Where there is none, nothing is left of it.

        Raises EngineUnavailable, ImageMissing or SandboxLost.
        """
        identity = Identity(FIRST_UID + next(self._uids) % UIDS, submission)
        # A second sandbox for one submission must not wait for the first to be gone.
        name = f"ccx-{self._owner.node}-{submission or uuid4().hex}-{identity.uid}"
        config = container_config(spec, identity, self._owner)
        await self._catch_up()
        self.alive.add(name)
        # Cancelling must not lose the container that the engine makes meanwhile: the call runs to its end in a task
        # of its own.
        creation = asyncio.create_task(self._engine.create(name, config))
        link: RunnerLink | None = None
        try:
            await asyncio.shield(creation)
            link = await RunnerLink.open(await self._engine.attach(name))
            await self._engine.start(name)
            await _greet(link)
            if spec.opening:
                await link.send(spec.opening)
                if not submission:  # nobody waits for it: it is ready when what it has started ahead is
                    await _wait_for_prestarted(link)
        except BaseException:
            if link is not None:
                link.close()
            await asyncio.shield(self._keep(self._bury_unmade(name, creation)))
            raise
        return Sandbox(self._engine, name, spec, link)

    def discard(self, sandbox: Sandbox, after_seconds: float = 0) -> asyncio.Task[None]:
        """Remove a sandbox; the task ends when it is gone."""
        return self._keep(self._bury_whole(sandbox, after_seconds))

    async def drain(self) -> None:
        """Wait until every container that is on its way out is gone."""
        while self._burials:
            await asyncio.wait(self._burials)

    async def _catch_up(self) -> None:
        while len(self._burials) >= MOST_UNBURIED:
            await asyncio.wait(self._burials, return_when=asyncio.FIRST_COMPLETED)

    def _keep(self, burial: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(burial)
        self._burials.add(task)
        task.add_done_callback(self._burials.discard)
        return task

    async def _bury_unmade(self, name: str, creation: asyncio.Task[None]) -> None:
        with suppress(Exception):  # its maker is told; perhaps it was made all the same, with only the answer lost
            await creation
        await self._bury(name)

    async def _bury_whole(self, sandbox: Sandbox, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        sandbox.link.hang_up()
        await sandbox.link.wait_until_gone(END_SECONDS)
        await self._bury(sandbox.name)

    async def _bury(self, name: str) -> None:
        for attempt in range(1, BURY_ATTEMPTS + 1):
            try:
                async with self._grave_diggers:
                    await self._engine.remove(name)
                break
            except EngineUnavailable as error:
                log.warning("sandbox could not be removed", container=name, attempt=attempt, reason=str(error))
                await asyncio.sleep(BURY_PAUSE_SECONDS * attempt)
        # From here on the janitor may have it, should it still be there.
        self.alive.discard(name)


async def _wait_for_prestarted(link: RunnerLink) -> None:
    if not isinstance(await _receive_soon(link), Prestarted):
        raise SandboxLost("the runner did not start ahead what it was told to")


async def _greet(link: RunnerLink) -> None:
    greeting = await _receive_soon(link)
    if not isinstance(greeting, Ready) or greeting.version != VERSION:
        raise SandboxLost("the image has a runner of another version: build the images again with `ccx images build`")


async def _receive_soon(link: RunnerLink) -> Frame:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await link.receive()
    except TimeoutError as error:
        raise SandboxLost(f"the runner was not ready within {READY_SECONDS:g} s") from error
