"""The one way to start work that goes on for as long as a node lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from ccx.errors import CcxError

log = structlog.get_logger(__name__)


class BackgroundTaskFailed(CcxError):
    """Work that a node cannot do without ended by a fault of ours."""


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Do this work beside the body of the context, and cancel it at the end.

    Should the work raise anything, that is logged at once and the body is cancelled: a node that goes on without its
    janitor or its leases does harm that nobody sees. Then the context raises BackgroundTaskFailed.
    """
    owner = asyncio.current_task()
    failures: list[BaseException] = []

    def note_end(task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.critical("a background task failed; the node ends", task=name, exc_info=error)
        failures.append(error)
        if owner is not None:
            owner.cancel()

    task = asyncio.create_task(work, name=name)
    task.add_done_callback(note_end)
    try:
        yield
    except asyncio.CancelledError:
        # With a failure it was `note_end` that cancelled: the rest of the clean-up goes on undisturbed.
        if not failures or owner is None or owner.uncancel() > 0:
            raise
        raise BackgroundTaskFailed(
            f"The node ended, because its task {name!r} failed: {failures[0]!r}. The log has the details."
        ) from failures[0]
    finally:
        task.remove_done_callback(note_end)
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):  # what it raised was logged when it did
            await task
