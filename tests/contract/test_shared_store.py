"""What masters promise each other that share one PostgreSQL server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Protocol

import pytest

from ccx.wire import Checker, SourceFile, State
from ccx_orchestrator.ports.store import News, NewsKind
from ccx_orchestrator.store.postgres import PostgresStore, open_postgres
from tests.contract.test_store import LANGUAGES, identity, result, ticket

pytestmark = pytest.mark.docker

LEASE_SECONDS = 0.5
DEADLINE_SECONDS = 10.0


class Masters(Protocol):
    async def __call__(
        self, name: str, lease_seconds: float = 60, reached_at: str | None = None, port: int = 0
    ) -> PostgresStore: ...


@pytest.fixture
async def masters(database: str) -> AsyncIterator[Masters]:
    """Opens the store of a master, which has a lease."""
    async with AsyncExitStack() as stack:

        async def open_store(
            name: str, lease_seconds: float = 60, reached_at: str | None = None, port: int = 0
        ) -> PostgresStore:
            opened = open_postgres(database, name, name, lease_seconds, reached_at, port)
            store = await stack.enter_async_context(opened)
            await store.take_over(LANGUAGES)
            return store

        yield open_store


async def test_what_waits_anywhere_can_be_stolen_once(masters: Masters) -> None:
    one, two, three = [await masters(name) for name in ("one", "two", "three")]
    await asyncio.gather(*(one.accept(ticket(number)) for number in range(40)))
    taken = await asyncio.gather(*(store.steal(LANGUAGES, 10) for store in (two, three) for _ in range(3)))
    ids = [stolen.id for some in taken for stolen in some]
    assert len(ids) == len(set(ids)) == 40
    assert {stolen.attempt for some in taken for stolen in some} == {1}
    assert await one.claim(identity(1)) is None
    assert await one.steal(LANGUAGES, 10) == ()


async def test_the_thief_has_all_it_needs_and_its_result_counts(masters: Masters) -> None:
    one, two = await masters("one"), await masters("two")
    await one.accept(ticket(1, program="the program"))
    (stolen,) = await two.steal(LANGUAGES, 5)
    assert stolen == replace(ticket(1, program="the program"), attempt=1)
    await one.finish(result(1), b"not its own any more")
    await two.finish(result(1), b"the thief's")
    assert await one.journal(identity(1)) == b"the thief's"


async def test_a_thief_takes_what_is_urgent_then_clients_in_turn_and_only_its_languages(masters: Masters) -> None:
    one, two = await masters("one"), await masters("two")
    for number, client, priority in [(1, "busy", 0), (2, "busy", 0), (3, "quiet", 0), (4, "busy", 7)]:
        await one.accept(replace(ticket(number, priority=priority), client=client))
    await one.accept(ticket(5, language="unheard-of", priority=9))
    order = [(await two.steal(LANGUAGES, 1))[0].id for _ in range(4)]
    assert order == [identity(number) for number in (4, 3, 1, 2)]
    assert await two.steal(LANGUAGES, 1) == ()


async def test_nobody_takes_what_it_could_not_judge(masters: Masters) -> None:
    one, two = await masters("one"), await masters("two", lease_seconds=LEASE_SECONDS)
    checkers = {
        number: Checker(language=language, files=(SourceFile(content=""),))
        for number, language in [(1, "unheard-of"), (2, LANGUAGES[1])]
    }
    for number, checker in checkers.items():
        await one.accept(ticket(number, checker=checker))
    assert [stolen.request.checker for stolen in await two.steal(LANGUAGES, 5)] == [checkers[2]]
    await asyncio.sleep(2 * LEASE_SECONDS)
    assert await two.take_over(LANGUAGES) == ()
    assert [left.id for left in await two.take_over((*LANGUAGES, "unheard-of"))] == [identity(1)]


async def test_where_a_submission_is_is_known_to_the_others_as_long_as_it_lives(masters: Masters) -> None:
    one, two, three = [await masters(name, reached_at=f"http://{name}:8700") for name in ("one", "two", "three")]
    await one.accept(ticket(1))
    await one.accept(ticket(2, attempt=1))
    for number in (1, 2):
        where = [await store.whereabouts(identity(number)) for store in (one, two, three)]
        assert where == [None, "http://one:8700", "http://one:8700"]
    await two.steal(LANGUAGES, 1)
    where = [await store.whereabouts(identity(1)) for store in (one, two, three)]
    assert where == ["http://two:8700", None, "http://two:8700"]
    await two.finish(result(1), b"")
    assert await three.whereabouts(identity(1)) is None


async def test_a_master_that_names_no_url_is_found_by_the_address_that_it_calls_from(masters: Masters) -> None:
    one, silent, two = await masters("one", port=1234), await masters("silent"), await masters("two")
    await one.accept(ticket(1))
    await silent.accept(ticket(2))
    assert re.fullmatch(r"http://[0-9.]+:1234", str(await two.whereabouts(identity(1))))
    assert await two.whereabouts(identity(2)) is None


async def test_what_runs_or_waits_at_the_living_is_left_alone(masters: Masters) -> None:
    one, two = await masters("one"), await masters("two")
    await one.accept(ticket(1, attempt=1))
    await one.accept(ticket(2))
    assert await two.take_over(LANGUAGES) == ()
    assert await one.claim(identity(2)) == 1


async def test_a_master_without_a_lease_loses_all_to_the_next_that_looks(masters: Masters) -> None:
    dead, alive = await masters("dead", LEASE_SECONDS), await masters("alive", LEASE_SECONDS)
    await dead.accept(ticket(1, attempt=1))
    await dead.accept(ticket(2))
    await asyncio.sleep(LEASE_SECONDS * 1.5)
    left = await alive.take_over(LANGUAGES)
    assert [(one.id, one.attempt) for one in left] == [(identity(1), 1), (identity(2), 0)]
    assert await dead.claim(identity(2)) is None
    await dead.finish(result(1), b"from the grave")
    assert await alive.claim(identity(1)) == 2
    await alive.finish(result(1, attempt=2), b"alive")
    assert await dead.journal(identity(1)) == b"alive"


async def test_a_master_that_leaves_in_good_order_needs_no_lease_to_run_out(database: str) -> None:
    async with open_postgres(database, "leaves", "leaves", 60) as leaves:
        await leaves.take_over(LANGUAGES)
        await leaves.accept(ticket(1))
    async with open_postgres(database, "stays", "stays", 60) as stays:
        assert [one.id for one in await stays.take_over(LANGUAGES)] == [identity(1)]


async def test_the_others_hear_who_goes_on_with_what_a_dead_one_left(masters: Masters) -> None:
    dead, alive = await masters("dead", LEASE_SECONDS), await masters("alive", LEASE_SECONDS)
    await dead.accept(ticket(1))
    heard: asyncio.Queue[News] = asyncio.Queue()
    listening = [asyncio.create_task(dead.listen(heard.put_nowait))]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while heard.empty():
                await alive.cancel(identity(0))
                await asyncio.sleep(0.05)
            while not await alive.take_over(LANGUAGES):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while (news := await heard.get()).kind is NewsKind.CANCEL:
                pass
    finally:
        await _end(listening)
    assert news == News(NewsKind.ADOPTED, (identity(1),))


async def test_the_others_hear_of_work_results_and_cancels(masters: Masters) -> None:
    one, two = await masters("one"), await masters("two")
    heard: asyncio.Queue[News] = asyncio.Queue()
    listening = [asyncio.create_task(two.listen(heard.put_nowait)), asyncio.create_task(one.listen(_never))]
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while heard.empty():  # until the first gets through, nobody may be listening yet
                await one.cancel(identity(0))
                await asyncio.sleep(0.05)
            await one.accept(ticket(1))
            await one.accept(ticket(2, attempt=1))
            await one.finish(result(2), b"")
            await one.cancel(identity(1))
            news = [News(NewsKind.CANCEL, (identity(0),))]
            while news[-1] != News(NewsKind.CANCEL, (identity(1),)):
                news.append(await heard.get())
    finally:
        await _end(listening)
    assert [one for one in news if identity(0) not in one.submissions] == [
        News(NewsKind.QUEUED),
        News(NewsKind.DONE, (identity(2),)),
        News(NewsKind.CANCEL, (identity(1),)),
    ]


async def test_two_masters_may_start_at_the_same_time_on_an_empty_database(database: str) -> None:
    async def start(name: str) -> State | None:
        async with open_postgres(database, name, name, 60) as store:
            await store.take_over(LANGUAGES)
            await store.accept(ticket(int(name)))
            found = await store.get(identity(int(name)))
            return None if found is None else found.state

    assert await asyncio.gather(*(start(str(number)) for number in range(4))) == [State.QUEUED] * 4


def _never(news: News) -> None:
    raise AssertionError(f"a master heard of itself: {news}")


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
