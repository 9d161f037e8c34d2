"""What the service tells of submissions while they live, and how it ends them from outside."""

from __future__ import annotations

import asyncio

import pytest

from ccx.errors import InvalidSubmission, SubmissionNotFound
from ccx.wire import CaseRequest, State, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.domain.controls import InputEnded, Typed, WindowSize
from ccx_orchestrator.domain.events import Finished, Output, Queued, Started, StepJudged
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.submissions.console import MAX_WAITING, Console
from ccx_orchestrator.submissions.events.journal import Journal
from ccx_orchestrator.submissions.request_context import RequestContext
from ccx_orchestrator.submissions.service import Submissions
from tests.support.fakes import ECHO, HANG, HELLO, FakeExecutor
from tests.support.node import eventually
from tests.support.service import submissions_over
from tests.unit.test_submissions import program, result, until_it_hangs

DEADLINE_SECONDS = 5.0


class SlowStore(MemoryStore):
    """One that takes its time to keep a result."""

    def __init__(self) -> None:
        super().__init__()
        self.is_finishing = asyncio.Event()
        self.release = asyncio.Event()

    async def finish(self, submission: Submission, journal: bytes) -> None:
        self.is_finishing.set()
        await self.release.wait()
        await super().finish(submission, journal)


def service_with(executor: FakeExecutor, store: MemoryStore | None = None, slots: int = 1) -> Submissions:
    return submissions_over(store or MemoryStore(), executor, slots, 10)


def kinds(journal: Journal) -> list[type]:
    return [type(entry.told) for entry in journal.entries]


async def test_a_life_is_told_from_the_queue_to_the_end_and_again_from_the_store() -> None:
    service = service_with(FakeExecutor())
    accepted = await service.accept(program(HELLO))
    journal = await service.event_stream.journal(accepted.id)
    await result(service, accepted)
    assert kinds(journal) == [Queued, Started, Output, StepJudged, Finished]

    async def is_kept() -> bool:
        return await service.event_stream.journal(accepted.id) is not journal

    await eventually(is_kept, "it is read from the store")
    kept = await service.event_stream.journal(accepted.id)
    assert [entry.json for entry in kept.entries] == [entry.json for entry in journal.entries]


async def test_the_first_event_tells_the_place_in_the_queue() -> None:
    executor = FakeExecutor()
    service = service_with(executor)
    accepted = [await service.accept(program(HANG)) for _ in range(3)]
    journals = [await service.event_stream.journal(one.id) for one in accepted]
    assert [journal.entries[0].told for journal in journals] == [
        Queued(one.id, place) for one, place in zip(accepted, (None, 1, 2), strict=True)
    ]
    await service.drain(0)


async def test_nothing_is_told_of_what_is_not_there() -> None:
    with pytest.raises(SubmissionNotFound):
        await service_with(FakeExecutor()).event_stream.journal("0" * 32)


async def test_a_result_is_shown_only_when_it_is_kept() -> None:
    store = SlowStore()
    service = service_with(FakeExecutor(), store)
    accepted = await service.accept(program(HELLO))
    journal = await service.event_stream.journal(accepted.id)
    async with asyncio.timeout(DEADLINE_SECONDS):
        await store.is_finishing.wait()
        assert not journal.is_complete
        store.release.set()
        assert (await service.wait(accepted.id)).verdict is Verdict.OK
    assert journal.is_complete


async def test_an_end_is_kept_also_where_whoever_asked_for_it_goes_away() -> None:
    executor, store = FakeExecutor(), SlowStore()
    service = service_with(executor, store)
    accepted = await service.accept(program(HANG))
    await until_it_hangs(executor)
    asking = asyncio.create_task(service.cancel(accepted.id))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await store.is_finishing.wait()
        asking.cancel()
        await asyncio.wait({asking})
        store.release.set()
        ended = await service.wait(accepted.id)
    assert (ended.verdict, ended.cases[0].stdout) == (Verdict.CANCELLED, "hello\n")
    kept = await store.get(accepted.id)
    assert kept is not None
    assert kept.verdict is Verdict.CANCELLED


async def test_cancelling_from_many_sides_at_once_gives_one_end() -> None:
    executor, store = FakeExecutor(), SlowStore()
    service = service_with(executor, store)
    accepted = await service.accept(program(HANG))
    await until_it_hangs(executor)
    journal = await service.event_stream.journal(accepted.id)
    asking = [asyncio.create_task(service.cancel(accepted.id)) for _ in range(5)]
    await asyncio.sleep(0)
    store.release.set()
    async with asyncio.timeout(DEADLINE_SECONDS):
        answers = await asyncio.gather(*asking)
    assert {answer.verdict for answer in answers} == {Verdict.CANCELLED}
    assert len({answer.finished_at for answer in answers}) == 1
    assert kinds(journal).count(Finished) == 1


async def test_a_cancel_that_comes_too_late_does_not_undo_the_result() -> None:
    store = SlowStore()
    service = service_with(FakeExecutor(), store)
    accepted = await service.accept(program(HELLO))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await store.is_finishing.wait()
        asking = asyncio.create_task(service.cancel(accepted.id))
        await asyncio.sleep(0)
        store.release.set()
        assert (await asking).verdict is Verdict.OK


async def test_what_is_cancelled_before_it_could_begin_gives_its_slot_back() -> None:
    service = service_with(FakeExecutor())
    accepted = await service.accept(program(HANG))
    assert (await service.cancel(accepted.id)).verdict is Verdict.CANCELLED
    assert (await result(service, await service.accept(program(HELLO)))).verdict is Verdict.OK

    async def is_idle() -> bool:
        return service.running == 0

    await eventually(is_idle, "nothing runs")


async def test_what_is_cancelled_in_the_queue_never_runs() -> None:
    executor, store = FakeExecutor(), SlowStore()
    service = service_with(executor, store)
    first, second = [await service.accept(program(content)) for content in (HANG, HELLO)]
    await until_it_hangs(executor)
    asking = asyncio.create_task(service.cancel(second.id))
    await asyncio.sleep(0)
    executor.release.set()
    store.release.set()
    async with asyncio.timeout(DEADLINE_SECONDS):
        ended = await asking
        await service.wait(first.id)
    assert (ended.state, ended.verdict, ended.started_at) == (State.DONE, Verdict.CANCELLED, None)
    assert executor.started == [first.id]


async def test_an_interactive_program_gets_what_is_typed_and_tells_what_it_took() -> None:
    service = service_with(FakeExecutor())
    console = Console(WindowSize(24, 80))
    accepted = await service.accept(program(ECHO), RequestContext(console=console))
    console.do(Typed(b"a"))
    console.do(Typed(b"b"))
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await console.credit() == 2
        console.do(InputEnded())
        ended = await service.wait(accepted.id)
    assert (ended.cases[0].stdout, ended.cases[0].stderr) == ("ab", "24x80")


@pytest.mark.parametrize("fields", [{"stdin": "x"}, {"cases": (CaseRequest(),)}])
async def test_an_interactive_program_has_neither_cases_nor_input_of_its_own(fields: dict[str, object]) -> None:
    service = service_with(FakeExecutor())
    asked: SubmissionRequest = program(HELLO, **fields)
    with pytest.raises(InvalidSubmission):
        await service.accept(asked, RequestContext(console=Console(None)))


def test_what_is_typed_is_bounded() -> None:
    console = Console(None)
    console.do(Typed(b"x" * 65_536))
    with pytest.raises(InvalidSubmission, match="65536 bytes"):
        console.do(Typed(b"x"))
    console.taken(1)
    console.do(Typed(b"x"))


def test_after_the_end_of_input_there_is_none() -> None:
    console = Console(None)
    console.do(InputEnded())
    with pytest.raises(InvalidSubmission, match="after the end"):
        console.do(Typed(b"x"))


def test_controls_that_nobody_takes_are_bounded() -> None:
    console = Console(None)
    for _ in range(MAX_WAITING):
        console.do(WindowSize(1, 1))
    with pytest.raises(InvalidSubmission, match="faster"):
        console.do(WindowSize(1, 1))
