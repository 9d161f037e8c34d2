"""Two masters of one PostgreSQL server, each with an executor that is not a real one, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, cast

import pytest

from ccx.wire import SourceFile, State, SubmissionRequest, Verdict
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.ports.store import Keeper
from ccx_orchestrator.store.postgres import PostgresStore, open_postgres
from ccx_orchestrator.submissions.service import Submissions
from ccx_orchestrator.submissions.shared_store import work_sharing
from tests.support.fakes import HANG, HELLO, FakeExecutor
from tests.support.node import eventually
from tests.support.service import submissions_over

pytestmark = [pytest.mark.docker, pytest.mark.timeout(60)]

DEADLINE_SECONDS = 15.0


@dataclass
class Master:
    submissions: Submissions
    executor: FakeExecutor
    store: PostgresStore


class Cluster:
    """Starts masters that share a database."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url = url
        self._stack = stack

    async def master(self, name: str, slots: int, lease_seconds: float = 60) -> Master:
        store = await self._stack.enter_async_context(open_postgres(self._url, name, name, lease_seconds))
        executor = FakeExecutor()
        submissions = submissions_over(store, executor, slots)
        await self._stack.enter_async_context(submissions.at_work())
        self._stack.push_async_callback(submissions.drain, 0)
        return Master(submissions, executor, store)


@pytest.fixture
async def cluster(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(work_sharing, "BEAT_SECONDS", 0.2)
    async with AsyncExitStack() as stack:
        yield Cluster(database, stack)


def program(content: str) -> SubmissionRequest:
    return SubmissionRequest(language="demo", files=(SourceFile(name="a.dm", content=content),))


async def test_an_idle_master_runs_what_waits_at_a_busy_one_whose_client_gets_the_answer(cluster: Cluster) -> None:
    busy, idle = await cluster.master("busy", 1), await cluster.master("idle", 3)
    hanging = await busy.submissions.accept(program(HANG))
    waiting = [await busy.submissions.accept(program(HELLO)) for _ in range(10)]
    results = await asyncio.gather(*(busy.submissions.wait(one.id) for one in waiting))
    assert {one.verdict for one in results} == {Verdict.OK}
    assert sorted(idle.executor.started) == sorted(one.id for one in waiting)
    assert idle.executor.most_running <= 3
    assert (await idle.submissions.get(hanging.id)).state is State.RUNNING
    busy.executor.release.set()
    assert (await idle.submissions.wait(hanging.id)).verdict is Verdict.OK


async def test_looking_for_work_of_others_holds_up_nobody(cluster: Cluster) -> None:
    await cluster.master("other", 1)
    here = await cluster.master("here", 2)
    for _ in range(30):
        accepted = await here.submissions.accept(program(HELLO))
        assert (await here.submissions.wait(accepted.id)).verdict is Verdict.OK
        await here.submissions.accept(program(HELLO))  # the next comes while this one may make others look


async def test_cancelling_at_any_master_ends_it_where_it_runs(cluster: Cluster) -> None:
    one, two = await cluster.master("one", 1), await cluster.master("two", 1)
    hanging = await one.submissions.accept(program(HANG))
    await one.executor.hangs.wait()
    cancelled = await two.submissions.cancel(hanging.id)
    assert (cancelled.verdict, cancelled.cases[0].stdout) == (Verdict.CANCELLED, "hello\n")
    assert one.executor.running == set()


async def test_what_a_silent_master_had_is_run_by_another(cluster: Cluster, database: str) -> None:
    async with open_postgres(database, "silent", "silent", 60) as store:
        silent = submissions_over(store, FakeExecutor())
        await store.take_over(("demo",))  # and never again
        hanging, waiting = [await silent.accept(program(one)) for one in (HANG, HELLO)]
        alive = await cluster.master("alive", 1, lease_seconds=1)
        alive.executor.release.set()
        results = [await alive.submissions.wait(one.id) for one in (hanging, waiting)]
        assert [one.verdict for one in results] == [Verdict.OK, Verdict.OK]
        assert results[0].attempt == 2
        await silent.cancel(hanging.id)  # too late: it has a result
        assert await silent.get(hanging.id) == results[0]
        await silent.drain(0)


async def test_a_master_that_stops_leaves_its_work_to_the_other(cluster: Cluster, database: str) -> None:
    stays = await cluster.master("stays", 1)
    blocked = await stays.submissions.accept(program(HANG))
    async with open_postgres(database, "leaves", "leaves", 60) as store:
        leaves = submissions_over(store, FakeExecutor())
        async with leaves.at_work():
            running, waiting = [await leaves.accept(program(one)) for one in (HANG, HELLO)]
            assert await leaves.drain(0) is False
    stays.executor.release.set()
    for one in (blocked, running, waiting):
        assert (await stays.submissions.wait(one.id)).verdict is Verdict.OK

    async def is_idle() -> bool:
        return stays.submissions.running == 0

    await eventually(is_idle, "all slots are free", DEADLINE_SECONDS)


async def test_a_slot_that_is_kept_back_for_work_of_others_is_not_given_to_anybody_else(database: str) -> None:
    """While a master claims work from another, one slot is one slot: what comes to it meanwhile waits."""
    executor = FakeExecutor()
    async with open_postgres(database, "claims", "claims", 60) as store:
        claims = SlowToClaim(store)
        service = submissions_over(cast("Keeper", claims), executor, slots=1)
        async with service.at_work(), asyncio.timeout(DEADLINE_SECONDS):
            await claims.is_claiming.wait()
            local = await service.accept(program(HANG))
            assert local.queue_position == 1
            assert service.running == 0
            claims.release.set()
            await executor.hangs.wait()
            assert service.running == 1
            executor.release.set()
            assert (await service.wait(local.id)).verdict is Verdict.OK
        await service.drain(0)
    assert executor.most_running == 1


class SlowToClaim:
    """A store in which claiming work of others takes until `release`."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self.is_claiming = asyncio.Event()
        self.release = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def steal(self, languages: tuple[str, ...], limit: int) -> tuple[Ticket, ...]:
        self.is_claiming.set()
        await self.release.wait()
        return await self._store.steal(languages, limit)
