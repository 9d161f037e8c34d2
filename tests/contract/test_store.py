"""What every store promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccx.errors import KeyReused, TokenExists, TokenNotFound
from ccx.wire import CaseResult, Quota, Role, SourceFile, State, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.domain.ticket import IdempotencyKey, Ticket, digest_of
from ccx_orchestrator.ports.store import Filter
from ccx_orchestrator.ports.tokens import TokenRecord
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.store.postgres import open_postgres
from ccx_orchestrator.store.sql import SqlStore
from ccx_orchestrator.store.sqlite import open_sqlite

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
ANY = Filter()
LEASE_SECONDS = 60
LANGUAGES = ("demo", "other")

Store = MemoryStore | SqlStore
Opens = Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.docker)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def opens(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Opens:
    """Opens the same store again and again, each time as another process of the node would."""
    count = iter(range(99))
    url = request.getfixturevalue("database") if kind == "postgres" else ""

    @asynccontextmanager
    async def open_store() -> AsyncIterator[Store]:
        if kind == "memory":
            yield MemoryStore()
        elif kind == "postgres":
            async with open_postgres(url, f"process {next(count)}", "test", LEASE_SECONDS) as store:
                await store.take_over(LANGUAGES)
                yield store
        else:
            async with open_sqlite(tmp_path / "store.sqlite", f"process {next(count)}", "normal") as store:
                yield store

    return open_store


@pytest.fixture
async def store(opens: Opens) -> AsyncIterator[Store]:
    async with opens() as store:
        yield store


def identity(number: int) -> str:
    return f"{number:032x}"


def ticket(number: int, *, attempt: int = 0, key: str | None = None, program: str = "x", **fields: object) -> Ticket:
    files = (SourceFile(name="a.dm", content=program),)
    request = SubmissionRequest(**{"language": "demo", "files": files} | fields)  # type: ignore[arg-type]
    named = IdempotencyKey(key, digest_of(request)) if key else None
    return Ticket(id=identity(number), request=request, created_at=NOW, client="me", attempt=attempt, key=named)


def result(number: int, *, attempt: int = 1, verdict: Verdict = Verdict.OK, stdout: str = "hello\n") -> Submission:
    return Submission(
        id=identity(number),
        state=State.DONE,
        verdict=verdict,
        language="demo",
        language_version="demo 1.0",
        node="here",
        attempt=attempt,
        cases=(CaseResult(name="1", verdict=verdict, stdout=stdout),),
        created_at=NOW,
        started_at=NOW + timedelta(seconds=1),
        finished_at=NOW + timedelta(seconds=2),
    )


async def test_what_was_accepted_waits(store: Store) -> None:
    assert await store.accept(ticket(1)) == identity(1)
    waiting = Submission(id=identity(1), state=State.QUEUED, language="demo", created_at=NOW)
    assert await store.get(identity(1)) == waiting
    assert await store.journal(identity(1)) is None


async def test_what_was_claimed_runs(store: Store) -> None:
    await store.accept(ticket(1))
    assert await store.claim(identity(1)) == 1
    running = await store.get(identity(1))
    assert running is not None
    assert (running.state, running.attempt) == (State.RUNNING, 1)


async def test_each_claim_is_another_attempt_and_the_last_one_counts(store: Store) -> None:
    await store.accept(ticket(1, attempt=1))
    assert [await store.claim(identity(1)), await store.claim(identity(1))] == [2, 3]
    await store.finish(result(1, attempt=2), b"void")
    await store.finish(result(1, attempt=3), b"valid")
    assert await store.journal(identity(1)) == b"valid"
    assert await store.claim(identity(1)) is None


async def test_a_result_is_kept_whole_with_its_journal(store: Store) -> None:
    await store.accept(ticket(1, attempt=1))
    await store.finish(result(1), b"\x00journal\xff")
    assert await store.get(identity(1)) == result(1)
    assert await store.journal(identity(1)) == b"\x00journal\xff"


async def test_what_was_asked_for_is_kept_as_long_as_the_submission(store: Store) -> None:
    await store.accept(ticket(1, attempt=1, program="print(1)"))
    asked = ticket(1, program="print(1)").request
    assert await store.request(identity(1)) == asked
    await store.finish(result(1), b"")
    assert await store.request(identity(1)) == asked
    assert await store.request(identity(2)) is None


async def test_large_things_pass_unchanged(store: Store) -> None:
    stdout = "".join(f"{number * 7919 % 10007} ä\n" for number in range(200_000))
    await store.accept(ticket(1, attempt=1, program=stdout))
    await store.finish(result(1, stdout=stdout), stdout.encode())
    assert await store.get(identity(1)) == result(1, stdout=stdout)
    assert await store.journal(identity(1)) == stdout.encode()


async def test_there_is_only_one_result(store: Store) -> None:
    await store.accept(ticket(1, attempt=1))
    await store.finish(result(1), b"first")
    await store.finish(result(1, verdict=Verdict.CANCELLED), b"second")
    assert await store.get(identity(1)) == result(1)
    assert await store.journal(identity(1)) == b"first"


async def test_a_result_of_another_attempt_has_no_effect(store: Store) -> None:
    await store.accept(ticket(1))
    await store.claim(identity(1))
    await store.finish(result(1, attempt=2), b"")
    running = await store.get(identity(1))
    assert running is not None
    assert running.state is State.RUNNING


async def test_one_that_never_ran_can_have_a_result(store: Store) -> None:
    await store.accept(ticket(1))
    await store.finish(result(1, attempt=0, verdict=Verdict.CANCELLED), b"")
    assert await store.claim(identity(1)) is None
    kept = await store.get(identity(1))
    assert kept is not None
    assert kept.verdict is Verdict.CANCELLED


async def test_what_this_node_has_or_nobody_has_is_at_no_other(store: Store) -> None:
    await store.accept(ticket(1))
    await store.accept(ticket(2, attempt=1))
    await store.accept(ticket(3, attempt=1))
    await store.finish(result(3), b"")
    assert [await store.whereabouts(identity(number)) for number in (1, 2, 3, 4)] == [None] * 4


async def test_what_was_never_accepted_is_not_there(store: Store) -> None:
    assert await store.get("f" * 32) is None
    assert await store.journal("f" * 32) is None
    assert await store.claim("f" * 32) is None
    await store.finish(result(5), b"")
    assert await store.get(identity(5)) is None


async def test_many_at_once(store: Store) -> None:
    async def live(number: int) -> None:
        await store.accept(ticket(number))
        assert await store.claim(identity(number)) == 1
        await store.finish(result(number), b"")

    await asyncio.gather(*(live(number) for number in range(200)))
    assert len(await store.page(Filter(state=State.DONE), 999)) == 200


async def test_a_key_stands_for_one_submission(store: Store) -> None:
    kept = await asyncio.gather(*(store.accept(ticket(number, key="k")) for number in (1, 2, 3)))
    assert len(set(kept)) == 1
    assert [line.id for line in await store.page(ANY, 9)] == [kept[0]]


async def test_a_key_for_another_request_is_refused_and_harms_nothing_else(store: Store) -> None:
    await store.accept(ticket(1, key="k"))
    outcomes = await asyncio.gather(
        store.accept(ticket(2, key="k", program="other")), store.accept(ticket(3)), return_exceptions=True
    )
    assert isinstance(outcomes[0], KeyReused)
    assert outcomes[1] == identity(3)
    assert await store.get(identity(2)) is None


async def test_keys_of_different_clients_have_nothing_to_do_with_each_other(store: Store) -> None:
    one = ticket(1, key="k")
    other = Ticket(id=identity(2), request=one.request, created_at=NOW, client="you", key=one.key)
    assert [await store.accept(one), await store.accept(other)] == [identity(1), identity(2)]


async def test_a_list_is_newest_first_and_goes_on_where_a_page_ended(store: Store) -> None:
    for number in range(1, 6):
        await store.accept(ticket(number))
    first = await store.page(ANY, 3)
    second = await store.page(Filter(before=first[-1].id), 3)
    assert [line.id for line in (*first, *second)] == [identity(number) for number in (5, 4, 3, 2, 1)]


async def test_a_list_can_be_of_some_only(store: Store) -> None:
    for number in (1, 2, 3):
        await store.accept(ticket(number, attempt=1, priority=number))
    await store.accept(ticket(4, language="other"))
    await store.finish(result(2, verdict=Verdict.RUNTIME_ERROR), b"")

    async def numbers(**which: object) -> list[int]:
        return [int(line.id, 16) for line in await store.page(Filter(**which), 9)]  # type: ignore[arg-type]

    assert await numbers(state=State.QUEUED) == [4]
    assert await numbers(state=State.RUNNING) == [3, 1]
    assert await numbers(state=State.DONE) == [2]
    assert await numbers(verdict=Verdict.RUNTIME_ERROR, language="demo") == [2]
    assert await numbers(verdict=Verdict.OK) == []
    assert await numbers(language="other") == [4]


async def test_a_line_of_a_list_says_all_but_the_output(store: Store) -> None:
    await store.accept(ticket(1, attempt=1, priority=3))
    await store.finish(result(1), b"")
    (line,) = await store.page(ANY, 9)
    whole = result(1).model_dump()
    assert (line.priority, line.client) == (3, "me")
    of_both = line.model_dump(exclude={"priority", "client"})
    assert of_both == {name: whole[name] for name in of_both}


async def test_a_callback_is_due_when_its_submission_ends(store: Store) -> None:
    later = NOW + timedelta(minutes=1)
    await store.accept(ticket(1, attempt=1, callback_url="https://example.org/x"))
    await store.accept(ticket(2, attempt=1))
    assert await store.due(later, 30, 9) == ()
    await store.finish(result(1), b"")
    await store.finish(result(2), b"")
    (call,) = await store.due(later, 30, 9)
    assert (call.submission, call.url, call.tries) == (identity(1), "https://example.org/x", 0)
    assert await store.due(later, 30, 9) == ()
    (again,) = await store.due(later + timedelta(seconds=31), 30, 9)
    assert again == call


async def test_a_callback_is_tried_again_or_forgotten(store: Store) -> None:
    later = NOW + timedelta(minutes=1)
    await store.accept(ticket(1, attempt=1, callback_url="https://example.org/x"))
    await store.finish(result(1), b"")
    await store.due(later, 30, 9)
    await store.settle(identity(1), later + timedelta(seconds=5))
    assert await store.due(later, 30, 9) == ()
    (call,) = await store.due(later + timedelta(seconds=6), 30, 9)
    assert call.tries == 1
    await store.settle(identity(1), None)
    assert await store.due(later + timedelta(days=1), 30, 9) == ()


async def test_a_callback_waits_for_no_clock_that_was_set_back(store: Store) -> None:
    before = NOW - timedelta(hours=5)
    await store.accept(ticket(1, attempt=1, callback_url="https://example.org/x"))
    await store.finish(result(1), b"")
    assert len(await store.due(before, 30, 9)) == 1
    await store.settle(identity(1), NOW + timedelta(seconds=5))
    assert len(await store.due(before, 30, 9)) == 1


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_the_next_process_goes_on_in_order_with_what_was_left(opens: Opens) -> None:
    async with opens() as store:
        for number in (1, 2, 3, 4):
            await store.accept(ticket(number, program=f"program {number}", priority=number))
        await store.claim(identity(1))
        await store.claim(identity(3))
        await store.finish(result(3), b"")
    async with opens() as store:
        left = await store.take_over(())
        assert [(one.id, one.attempt, one.client) for one in left] == [
            (identity(1), 1, "me"),
            (identity(2), 0, "me"),
            (identity(4), 0, "me"),
        ]
        assert left[1].request == ticket(2, program="program 2", priority=2).request
        assert await store.take_over(()) == ()
        assert await store.claim(identity(1)) == 2
        await store.finish(result(1, attempt=1), b"")
        assert await store.get(identity(1)) != result(1)
        await store.finish(result(1, attempt=2), b"")
        assert await store.get(identity(1)) == result(1, attempt=2)
        assert await store.get(identity(3)) == result(3)


async def test_memory_counts_journals_and_forgets_them_with_their_submissions() -> None:
    store = MemoryStore(max_finished_bytes=10_000)
    for number in (1, 2):
        await store.accept(ticket(number, attempt=1))
        await store.finish(result(number), b"x" * 7_000)
    assert [await store.journal(identity(number)) for number in (1, 2)] == [None, b"x" * 7_000]


async def test_memory_counts_what_submissions_were_asked_with() -> None:
    store = MemoryStore(max_finished_bytes=30_000)
    for number in (1, 2):
        await store.accept(ticket(number, stdin="x" * 20_000, attempt=1))
        await store.finish(result(number), b"")
    assert [await store.get(identity(number)) is not None for number in (1, 2)] == [False, True]


async def test_memory_forgets_what_is_older_than_it_keeps() -> None:
    now = 0.0
    store = MemoryStore(max_seconds=120, clock=lambda: now)
    for number, pause in ((1, 100.0), (2, 21.0), (3, 0.0)):
        await store.accept(ticket(number, attempt=1))
        await store.finish(result(number), b"")
        now += pause
    assert [await store.get(identity(number)) is not None for number in (1, 2, 3)] == [False, True, True]


async def test_memory_forgets_the_oldest_finished_and_nothing_unfinished() -> None:
    store = MemoryStore(max_finished=2)
    await store.accept(ticket(1))
    for number in (2, 3, 4):
        await store.accept(ticket(number, attempt=1))
        await store.finish(result(number), b"")
    kept = [number for number in (1, 2, 3, 4) if await store.get(identity(number))]
    assert kept == [1, 3, 4]


async def test_memory_is_bounded_in_bytes_but_keeps_the_newest() -> None:
    store = MemoryStore(max_finished_bytes=10_000)
    for number in (1, 2):
        await store.accept(ticket(number, attempt=1))
        await store.finish(result(number, stdout="x" * 9_000), b"")
    assert await store.get(identity(1)) is None
    assert await store.get(identity(2)) is not None


def record(name: str, digest: str = "d1", role: Role = Role.USER, **fields: object) -> TokenRecord:
    return TokenRecord(name, digest, "hint", role, NOW, **fields)  # type: ignore[arg-type]


async def test_tokens_are_found_by_digest_and_listed_by_name(store: Store) -> None:
    full = record("bob", "d2", Role.ADMIN, expires_at=NOW + timedelta(days=1), quota=Quota(unfinished=3, per_minute=4))
    for one in (full, record("alice")):
        await store.tokens.add(one)
    assert await store.tokens.find("d2") == full
    assert await store.tokens.find("d3") is None
    assert await store.tokens.all() == (record("alice"), full)


async def test_the_name_of_a_token_is_taken_once(store: Store) -> None:
    await store.tokens.add(record("alice"))
    with pytest.raises(TokenExists):
        await store.tokens.add(record("alice", "d2"))
    assert await store.tokens.find("d2") is None


async def test_a_token_that_is_replaced_or_removed_is_found_no_more(store: Store) -> None:
    await store.tokens.add(record("alice"))
    await store.tokens.replace(record("alice", "d2"))
    assert (await store.tokens.find("d1"), await store.tokens.find("d2")) == (None, record("alice", "d2"))
    await store.tokens.remove("alice")
    assert await store.tokens.all() == ()
    for attempt in (store.tokens.remove("alice"), store.tokens.replace(record("alice"))):
        with pytest.raises(TokenNotFound):
            await attempt


async def test_who_sent_a_submission_is_known_before_and_after_its_end(store: Store) -> None:
    await store.accept(ticket(1, attempt=1))
    before = await store.client_of(identity(1))
    await store.finish(result(1), b"")
    assert (before, await store.client_of(identity(1))) == (ticket(1).client, ticket(1).client)
    assert await store.client_of(identity(2)) is None


async def test_a_list_is_of_one_client_where_that_is_asked_for(store: Store) -> None:
    for number, client in ((1, "key alice"), (2, "key bob"), (3, "key alice")):
        await store.accept(replace(ticket(number), client=client))
    await store.accept(replace(ticket(4, attempt=1), client="key alice"))
    await store.finish(result(4), b"")
    found = await store.page(Filter(client="key alice"), 10)
    assert [line.id for line in found] == [identity(4), identity(3), identity(1)]
