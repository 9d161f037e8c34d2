"""Removes the containers that nobody owns any more."""

from __future__ import annotations

import asyncio
import os
import socket

import psutil
import structlog

from ccx.errors import EngineUnavailable
from ccx_orchestrator.docker_host.engine.client import Engine
from ccx_orchestrator.docker_host.sandboxes.hardening import OWNER_LABEL, PROCESS_LABEL, Owner
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandboxes

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 60.0


def this_process() -> str:
    """What identifies this very process, also after its number has been given to another: `host:pid:start time`."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_alive(process: str) -> bool:
    """Whether that process still runs here. One of another host is taken for dead: it has the name of a node that
    starts here.
    """
    host, pid, started = [*process.rsplit(":", 2), "", ""][:3]
    if host != socket.gethostname():
        return False
    try:
        found = psutil.Process(int(pid))
        # One that has died and was not waited for yet still has its number.
        return f"{found.create_time():.2f}" == started and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError):
        return False


class Janitor:
    """Clears away after one node: what a dead predecessor left, and what slipped from its own hands."""

    def __init__(self, engine: Engine, owner: Owner, sandboxes: Sandboxes) -> None:
        self._engine = engine
        self._owner = owner
        self._sandboxes = sandboxes

    async def sweep(self) -> int:
        """Remove every container of this node's name that no living process has in use; how many there were."""
        label = f"{OWNER_LABEL}={self._owner.node}"
        found = await self._engine.labelled(label)
        processes = {labels.get(PROCESS_LABEL, "") for _, _, labels in found}
        dead = await asyncio.to_thread(lambda: {process for process in processes if not is_alive(process)})
        stray = [
            # By its name: a proxy before the engine lets those of ccx through.
            name or container
            for container, name, labels in found
            if self._is_stray(name, labels.get(PROCESS_LABEL, ""), dead)
        ]
        for container in stray:
            await self._engine.remove(container)
        if stray:
            log.info("removed containers that nobody owned", count=len(stray), node=self._owner.node)
        return len(stray)

    def _is_stray(self, name: str, process: str, dead: set[str]) -> bool:
        if process == self._owner.process:
            return name not in self._sandboxes.alive
        return process in dead

    async def sweep_for_ever(self) -> None:
        """Sweep once a minute. A failing engine is no reason to stop."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.sweep()
            except EngineUnavailable as error:
                log.warning("could not look for stray containers", reason=str(error))
