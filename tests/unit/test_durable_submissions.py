"""The service on a store that outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ccx.errors import InvalidSubmission, KeyReused, StoreUnavailable
from ccx.wire import SourceFile, State, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.domain.events import Restarted, Started
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.ports.execution import Controls, Emit
from ccx_orchestrator.ports.store import Filter
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.store.retention import Retention
from ccx_orchestrator.store.sql import SqlStore
from ccx_orchestrator.store.sqlite import open_sqlite
from ccx_orchestrator.submissions.admission_policy import AdmissionPolicy
from ccx_orchestrator.submissions.clock import utc_now
from ccx_orchestrator.submissions.request_context import RequestContext
from ccx_orchestrator.submissions.service import Submissions
from tests.support.fakes import HANG, HELLO, FakeExecutor
from tests.support.service import submissions_over

DEADLINE_SECONDS = 10.0

Opens = Callable[..., AbstractAsyncContextManager[tuple[Submissions, FakeExecutor]]]


@pytest.fixture
def opens(tmp_path: Path) -> Opens:
    """A node's life: its service on the file that the one before it left."""
    lives = iter(range(99))

    @asynccontextmanager
    async def open_service(**rules: Any) -> AsyncIterator[tuple[Submissions, FakeExecutor]]:
        executor = FakeExecutor()
        async with open_sqlite(tmp_path / "store.sqlite", f"life {next(lives)}", "normal") as store:
            service = submissions_over(store, executor, 1, 50, policy=AdmissionPolicy(**rules))
            async with asyncio.timeout(DEADLINE_SECONDS), service.at_work():
                yield service, executor
            await service.drain(0)

    return open_service


class Claims:
    """A store that says when it is asked for a claim."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.is_claiming = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, submission_id: str) -> int | None:
        self.is_claiming.set()
        return await self._store.claim(submission_id)


def program(content: str, **fields: object) -> SubmissionRequest:
    return SubmissionRequest(language="demo", files=(SourceFile(name="a.dm", content=content),), **fields)  # type: ignore[arg-type]


async def test_what_ran_and_what_waited_goes_on_in_order(opens: Opens) -> None:
    async with opens() as (service, executor):
        accepted = [await service.accept(program(one)) for one in (HANG, HELLO, HELLO)]
        await executor.hangs.wait()
    async with opens() as (service, executor):
        executor.release.set()
        results = [await service.wait(one.id) for one in accepted]
        assert executor.started == [one.id for one in accepted]
    assert [(one.verdict, one.attempt) for one in results] == [(Verdict.OK, 2), (Verdict.OK, 1), (Verdict.OK, 1)]


async def test_what_is_cancelled_in_the_moment_it_is_claimed_stays_cancelled(tmp_path: Path) -> None:
    executor = FakeExecutor()
    async with open_sqlite(tmp_path / "store.sqlite", "life", "normal") as store:
        claims = Claims(store)
        service = submissions_over(claims, executor, 1, 50)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await service.accept(program(HANG))
            second = await service.accept(program(HELLO))
            await executor.hangs.wait()
            executor.release.set()
            await claims.is_claiming.wait()
            cancelled = await service.cancel(second.id)
            assert (cancelled.verdict, cancelled.attempt) == (Verdict.CANCELLED, 1)
            assert await store.get(second.id) == cancelled
            await service.drain(1)
        assert second.id not in executor.started


class Restless:
    """Loses the first node that it sends a submission to."""

    def __init__(self) -> None:
        self.second = FakeExecutor()

    async def check(self) -> None:
        pass

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        await emit(Started("lost", "demo 1.0"))
        await emit(Restarted())
        await self.second.run(submission_id, plan, emit, controls)


async def test_an_attempt_on_another_node_counts_also_for_the_next_life_of_this_one(
    opens: Opens, tmp_path: Path
) -> None:
    executor = Restless()
    async with open_sqlite(tmp_path / "store.sqlite", "first life", "normal") as store, asyncio.timeout(9):
        service = submissions_over(store, executor, 1, 50)
        accepted = await service.accept(program(HANG))
        await executor.second.hangs.wait()
        journal = await service.event_stream.journal(accepted.id)
        assert [str(entry.id) for entry in journal.entries] == ["2-1", "2-2", "2-3"]
        assert (await service.get(accepted.id)).attempt == 2
        await service.drain(0)
    async with opens() as (service, next_executor):
        await next_executor.hangs.wait()
        journal = await service.event_stream.journal(accepted.id)
        assert str(journal.entries[0].id) == "3-1"
        next_executor.release.set()
        assert (await service.wait(accepted.id)).attempt == 3


async def test_what_ends_node_after_node_is_given_up(opens: Opens) -> None:
    async with opens(max_attempts=2) as (service, executor):
        accepted = await service.accept(program(HANG))
        await executor.hangs.wait()
    async with opens(max_attempts=2) as (_, executor):
        await executor.hangs.wait()
    async with opens(max_attempts=2) as (service, executor):
        result = await service.wait(accepted.id)
        assert executor.started == []
    assert (result.verdict, result.message) == (
        Verdict.INTERNAL_ERROR,
        "The node ended 2 times while it ran; it was given up.",
    )


async def test_an_interactive_one_is_not_run_again_without_who_typed_to_it(opens: Opens, tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "store.sqlite", "killed", "normal") as store:
        await store.accept(
            Ticket(id="1" * 32, request=program(HELLO), created_at=utc_now(), attempt=1, is_interactive=True)
        )
    async with opens() as (service, executor):
        result = await service.wait("1" * 32)
        assert executor.started == []
    assert result.verdict is Verdict.INTERNAL_ERROR
    assert result.message == "The node ended while somebody typed to it: what was typed is gone."


async def test_the_same_key_is_the_same_submission_across_a_restart(opens: Opens) -> None:
    async with opens() as (service, _):
        accepted = await service.accept(program(HELLO), RequestContext("me", "k"))
        result = await service.wait(accepted.id)
    async with opens() as (service, executor):
        assert await service.accept(program(HELLO), RequestContext("me", "k")) == result
        with pytest.raises(KeyReused):
            await service.accept(program(HANG), RequestContext("me", "k"))
        assert (await service.accept(program(HELLO), RequestContext("you", "k"))).id != accepted.id
        assert (service.backlog.waiting, service.running) == (0, 1)
        assert executor.started == []


async def test_one_that_cannot_be_started_in_time_is_cancelled(opens: Opens) -> None:
    async with opens() as (service, executor):
        hanging = await service.accept(program(HANG, deadline_seconds=0.05))
        late = await service.wait((await service.accept(program(HELLO, deadline_seconds=0.05))).id)
        assert (late.verdict, late.message) == (
            Verdict.CANCELLED,
            "It could not be started within its deadline of 0.05 s.",
        )
        executor.release.set()
        assert (await service.wait(hanging.id)).verdict is Verdict.OK


async def test_a_deadline_counts_across_a_restart(opens: Opens) -> None:
    async with opens() as (service, executor):
        await service.accept(program(HANG))
        await executor.hangs.wait()
        late = await service.accept(program(HELLO, deadline_seconds=0.05))
    async with opens() as (service, _):
        assert (await service.wait(late.id)).verdict is Verdict.CANCELLED


async def test_the_urgent_overtake_and_clients_take_turns(opens: Opens) -> None:
    async with opens() as (service, executor):
        await service.accept(program(HANG))
        asked = [("busy", 0), ("busy", 0), ("quiet", 0), ("busy", 9)]
        waiting = [
            await service.accept(program(HELLO, priority=urgency), RequestContext(client)) for client, urgency in asked
        ]
        assert [(await service.get(one.id)).queue_position for one in waiting] == [2, 4, 3, 1]
        executor.release.set()
        for one in waiting:
            await service.wait(one.id)
        assert executor.started[1:] == [waiting[number].id for number in (3, 0, 2, 1)]


async def test_rules_of_the_operator_are_kept(opens: Opens) -> None:
    async with opens(highest_priority=0, takes_callbacks=False) as (service, _):
        with pytest.raises(InvalidSubmission, match="priority is at most 0"):
            await service.accept(program(HELLO, priority=1))
        with pytest.raises(InvalidSubmission, match="no secret"):
            await service.accept(program(HELLO, callback_url="https://example.org"))


async def test_a_list_knows_what_the_node_knows(opens: Opens) -> None:
    async with opens() as (service, executor):
        running, waiting = [await service.accept(program(one)) for one in (HANG, HELLO)]
        await executor.hangs.wait()
        lines = {line.id: line for line in await service.page(Filter(), 9)}
        assert (lines[running.id].state, lines[running.id].node) == (State.RUNNING, "fake")
        assert (lines[waiting.id].state, lines[waiting.id].queue_position) == (State.QUEUED, 1)


class Unreliable(MemoryStore):
    """Does not answer for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.faults = 0
        self.failed = asyncio.Event()

    def _maybe_fail(self) -> None:
        if self.faults:
            self.faults -= 1
            self.failed.set()
            raise StoreUnavailable("The store does not answer.")

    async def accept(self, ticket: Ticket) -> str:
        self._maybe_fail()
        return await super().accept(ticket)

    async def finish(self, submission: Submission, journal: bytes) -> None:
        self._maybe_fail()
        await super().finish(submission, journal)


async def test_what_the_store_does_not_take_is_refused_and_leaves_nothing() -> None:
    store, executor = Unreliable(), FakeExecutor()
    service = submissions_over(store, executor, 1, 5)
    store.faults = 1
    with pytest.raises(StoreUnavailable):
        await service.accept(program(HANG))
    accepted = await service.accept(program(HELLO))
    assert (await service.wait(accepted.id)).verdict is Verdict.OK


async def test_a_result_is_shown_when_it_is_kept_and_not_before() -> None:
    store, executor = Unreliable(), FakeExecutor()
    service = submissions_over(store, executor, 1, 5)
    accepted = await service.accept(program(HANG))
    await executor.hangs.wait()
    store.faults = 2
    executor.release.set()
    async with asyncio.timeout(DEADLINE_SECONDS):
        await store.failed.wait()
        assert (await service.get(accepted.id)).state is State.RUNNING
        assert (await service.wait(accepted.id)).verdict is Verdict.OK


async def test_the_old_and_the_surplus_are_forgotten(opens: Opens, tmp_path: Path) -> None:
    async with opens() as (service, executor):
        executor.release.set()
        for _ in range(5):
            await service.wait((await service.accept(program(HELLO), RequestContext("me", None))).id)
        hanging_forever = service
        assert len(await hanging_forever.page(Filter(), 9)) == 5
    async with open_sqlite(tmp_path / "store.sqlite", "retention", "normal") as store:
        assert await _left_after(store, seconds=3600, count=3, now=utc_now()) == 3
        assert await _left_after(store, seconds=3600, count=3, now=utc_now() + timedelta(hours=2)) == 0
        assert await store.get("0" * 32) is None


async def _left_after(store: SqlStore, seconds: float, count: int, now: datetime) -> int:
    await Retention(store, seconds, count, lambda: now).forget()
    return len(await store.page(Filter(), 9))
