"""Work that goes on beside other work, and not longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from ccx_orchestrator.ports.execution import SandboxLost

Answer = TypeVar("Answer")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, Answer]) -> AsyncIterator[asyncio.Task[Answer]]:
    """That work as a task, which is over when the context is. Whoever awaits it is told of a sandbox that is lost;
    where nobody does, whoever else reads from that sandbox notices.
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, SandboxLost):
            await task
