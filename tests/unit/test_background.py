"""Work beside a node: it ends with the node, and the node ends with it where it fails."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import CapturingLogger

from ccx_orchestrator.background import BackgroundTaskFailed, background
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.store.memory import MemoryStore
from tests.support.fakes import FakeExecutor
from tests.support.service import submissions_over

DEADLINE_SECONDS = 10.0


async def work_for_ever(ended: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()


async def fail() -> None:
    raise ZeroDivisionError("a fault of ours")


async def test_it_ends_with_its_context() -> None:
    ended = asyncio.Event()
    async with background(work_for_ever(ended), "work"):
        await asyncio.sleep(0)
        assert not ended.is_set()
    assert ended.is_set()


async def test_a_failure_is_logged_at_once_and_ends_what_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = CapturingLogger()  # where a log goes is the process's to say, and another test's node may have said it
    monkeypatch.setattr("ccx_orchestrator.background.log", noted)
    clean_up: list[str] = []

    async def node() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), background(fail(), "janitor"):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)  # what is released may take time: it is cancelled once, not again and again
                clean_up.append("done")

    with pytest.raises(BackgroundTaskFailed, match=r"'janitor' failed.*a fault of ours"):
        await node()
    assert clean_up == ["done"]
    assert [call.method_name for call in noted.calls] == ["critical"]
    assert "a background task failed" in noted.calls[0].args[0]


async def test_an_error_of_the_body_and_a_cancel_from_outside_stay_what_they_are() -> None:
    ended = asyncio.Event()

    async def fault() -> None:
        async with background(work_for_ever(ended), "work"):
            await asyncio.sleep(0)
            raise KeyError

    with pytest.raises(KeyError):
        await fault()
    assert ended.is_set()

    async def body() -> None:
        async with background(work_for_ever(asyncio.Event()), "work"):
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class BrokenLeases(MemoryStore):
    """A shared store in which the lease is renewed once and then never again, by a fault that nobody thought of."""

    is_shared = True
    calls = 0

    async def take_over(self, languages: tuple[str, ...]) -> tuple[Ticket, ...]:
        self.calls += 1
        if self.calls > 1:
            raise ZeroDivisionError("a fault of ours")
        return await super().take_over(languages)


async def test_a_node_does_not_go_on_without_its_lease() -> None:
    service = submissions_over(BrokenLeases(), FakeExecutor())
    with pytest.raises(BackgroundTaskFailed):
        async with asyncio.timeout(DEADLINE_SECONDS), service.at_work():
            await asyncio.Event().wait()
