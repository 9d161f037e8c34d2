"""What a runtime of the engine's can do, found out by trying and not by its name."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from ccx.errors import EngineUnavailable
from ccx_orchestrator.docker_host.engine.client import Engine
from ccx_orchestrator.docker_host.janitor import this_process
from ccx_orchestrator.docker_host.sandboxes.hardening import Owner, Runtime, resources
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandboxes
from ccx_orchestrator.docker_host.sandboxes.sandbox_spec import standing_spec
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.ports.execution import SandboxLost

LESS_BYTES = 1 << 20


class RuntimeProbe:
    """Tries runtimes with sandboxes in which nothing of anybody's runs; all are gone when a call returns.

    They are the node's, whose successor removes what is left of them should it be killed meanwhile. Every method raises
    EngineUnavailable or SandboxLost where the runtime cannot start a sandbox at all.
    """

    def __init__(self, engine: Engine, node: str) -> None:
        self._engine = engine
        self._node = node

    async def is_fixed(self, language: Language, image: str, name: str) -> bool:
        """Whether the limits of what runs cannot be changed."""
        # Made with all the room that a runtime may need.
        spec = standing_spec(language, image, Runtime(name, is_fixed=True, starts_ahead=False))
        sandboxes = await self._sandboxes()
        async with sandboxes.open(spec, uuid4().hex) as sandbox:
            try:
                await self._engine.limit(sandbox.name, resources(spec.memory_bytes - LESS_BYTES, spec.processes))
            except EngineUnavailable:
                await self._engine.ping()  # not the engine's own trouble
                return True
        return False

    async def starts(self, language: Language, image: str, name: str) -> None:
        """Start a sandbox in which nothing is started ahead, and remove it."""
        sandboxes = await self._sandboxes()
        async with sandboxes.open(standing_spec(language, image, Runtime(name, starts_ahead=False)), uuid4().hex):
            pass

    async def starts_ahead(self, language: Language, image: str, runtime: Runtime) -> bool:
        """Whether what the language starts ahead of a submission comes up."""
        sandboxes = await self._sandboxes()
        try:
            sandbox = await sandboxes.make(standing_spec(language, image, runtime))
        except SandboxLost:
            return False
        finally:
            await sandboxes.drain()
        await sandboxes.discard(sandbox)
        return True

    async def _sandboxes(self) -> Sandboxes:
        return Sandboxes(self._engine, Owner(self._node, await asyncio.to_thread(this_process)))
