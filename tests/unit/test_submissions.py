from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ccx.backoff import Backoff
from ccx.errors import (
    EngineUnavailable,
    InvalidSubmission,
    QueueFull,
    ShuttingDown,
    SubmissionNotFound,
    UnknownLanguage,
)
from ccx.wire import LimitOverrides, SourceFile, State, Submission, SubmissionRequest, Verdict
from ccx_orchestrator.domain.events import Finished
from ccx_orchestrator.domain.planning import make_plan
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.submissions import running
from ccx_orchestrator.submissions.active_submission import ActiveSubmission, Phase
from ccx_orchestrator.submissions.service import Submissions
from tests.support.fakes import BREAK, FAIL, HANG, HELLO, LOSE, LOSE_LATE, LOSE_ONCE, FakeExecutor
from tests.support.languages import language
from tests.support.node import eventually
from tests.support.service import submissions_over

DEADLINE_SECONDS = 5.0


class Clock:
    """Time that moves by a second whenever somebody looks."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def executor() -> FakeExecutor:
    return FakeExecutor()


@pytest.fixture
def make(executor: FakeExecutor) -> Callable[..., Submissions]:
    def make_service(slots: int = 1, bound: int = 10) -> Submissions:
        return submissions_over(MemoryStore(), executor, slots, bound, clock=Clock())

    return make_service


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def program(content: str, **fields: object) -> SubmissionRequest:
    files = (SourceFile(name="a.dm", content=content),)
    return SubmissionRequest(language="demo", files=files, **fields)  # type: ignore[arg-type]


async def result(service: Submissions, submission: Submission) -> Submission:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await service.wait(submission.id)


async def until_it_hangs(executor: FakeExecutor) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        await executor.hangs.wait()


async def test_an_accepted_program_ends_with_its_result(make: Callable[..., Submissions]) -> None:
    service = make()
    ended = await result(service, await service.accept(program(HELLO)))
    assert (ended.state, ended.verdict, ended.cases[0].stdout) == (State.DONE, Verdict.OK, "hello\n")
    assert ended.created_at < (ended.started_at or ended.created_at) < (ended.finished_at or ended.created_at)


async def test_a_failing_program_is_a_verdict_and_no_error(make: Callable[..., Submissions]) -> None:
    service = make()
    ended = await result(service, await service.accept(program(FAIL)))
    assert (ended.verdict, ended.cases[0].exit_code) == (Verdict.RUNTIME_ERROR, 3)


@pytest.mark.parametrize("fault", [LOSE, BREAK])
async def test_a_fault_of_ours_is_an_internal_error_with_an_id(make: Callable[..., Submissions], fault: str) -> None:
    service = make()
    accepted = await service.accept(program(fault))
    ended = await result(service, accepted)
    assert ended.verdict is Verdict.INTERNAL_ERROR
    assert accepted.id in (ended.message or "")


async def test_a_sandbox_that_is_lost_before_anything_was_seen_is_replaced(
    make: Callable[..., Submissions], executor: FakeExecutor
) -> None:
    service = make()
    accepted = await service.accept(program(LOSE_ONCE))
    ended = await result(service, accepted)
    assert ended.verdict is Verdict.OK
    assert executor.started == [accepted.id] * 2


async def test_a_sandbox_is_replaced_once_and_no_more(make: Callable[..., Submissions], executor: FakeExecutor) -> None:
    service = make()
    accepted = await service.accept(program(LOSE))
    assert (await result(service, accepted)).verdict is Verdict.INTERNAL_ERROR
    assert executor.started == [accepted.id] * 2


async def test_nothing_that_has_been_seen_is_run_again(
    make: Callable[..., Submissions], executor: FakeExecutor
) -> None:
    service = make()
    accepted = await service.accept(program(LOSE_LATE))
    ended = await result(service, accepted)
    assert (ended.verdict, ended.cases[0].stdout) == (Verdict.INTERNAL_ERROR, "hello\n")
    assert executor.started == [accepted.id]


async def test_a_fault_frees_its_slot(make: Callable[..., Submissions]) -> None:
    service = make(slots=1)
    await service.accept(program(BREAK))
    assert (await result(service, await service.accept(program(HELLO)))).verdict is Verdict.OK


async def test_no_more_run_than_there_are_slots(make: Callable[..., Submissions], executor: FakeExecutor) -> None:
    service = make(slots=3, bound=50)
    accepted = [await service.accept(program(HELLO)) for _ in range(40)]
    results = await asyncio.gather(*(result(service, one) for one in accepted))
    assert {one.verdict for one in results} == {Verdict.OK}
    assert executor.most_running == 3
    assert executor.started == [one.id for one in accepted]


async def test_the_queue_position_counts_down(make: Callable[..., Submissions], executor: FakeExecutor) -> None:
    service = make(slots=1)
    await service.accept(program(HANG))
    waiting = [await service.accept(program(HELLO)) for _ in range(2)]
    assert [one.queue_position for one in waiting] == [1, 2]
    await service.cancel(waiting[0].id)
    assert (await service.get(waiting[1].id)).queue_position == 1
    executor.release.set()
    assert (await result(service, waiting[1])).queue_position is None


async def test_over_the_bound_nothing_is_created(make: Callable[..., Submissions], executor: FakeExecutor) -> None:
    service = make(slots=1, bound=1)
    await service.accept(program(HANG))
    await service.accept(program(HELLO))
    with pytest.raises(QueueFull) as refused:
        await service.accept(program(HELLO))
    assert refused.value.retry_after_seconds is not None
    assert service.backlog.waiting == 1
    executor.release.set()


async def test_cancelling_keeps_what_was_written(make: Callable[..., Submissions], executor: FakeExecutor) -> None:
    service = make()
    accepted = await service.accept(program(HANG))
    await until_it_hangs(executor)
    cancelled = await service.cancel(accepted.id)
    assert (cancelled.verdict, cancelled.cases[0].stdout) == (Verdict.CANCELLED, "hello\n")
    assert (await result(service, accepted)).verdict is Verdict.CANCELLED
    assert (await result(service, await service.accept(program(HELLO)))).verdict is Verdict.OK


async def test_cancelling_twice_or_too_late_changes_nothing(make: Callable[..., Submissions]) -> None:
    service = make()
    ended = await result(service, await service.accept(program(HELLO)))
    assert await service.cancel(ended.id) == ended


async def test_an_unknown_id_is_not_found(make: Callable[..., Submissions]) -> None:
    service = make()
    for call in (service.get, service.wait, service.cancel):
        with pytest.raises(SubmissionNotFound):
            await call("0" * 32)


async def test_bad_input_creates_nothing(make: Callable[..., Submissions], executor: FakeExecutor) -> None:
    service = make()
    with pytest.raises(UnknownLanguage):
        await service.accept(SubmissionRequest(language="x", files=(SourceFile(name="a", content=""),)))
    with pytest.raises(InvalidSubmission):
        await service.accept(program(HELLO, limits=LimitOverrides(cpu_seconds=1e6)))
    assert executor.started == []
    assert (service.running, service.backlog.waiting) == (0, 0)


async def test_a_dead_engine_is_noticed_and_then_refused_until_it_is_back(
    make: Callable[..., Submissions], executor: FakeExecutor
) -> None:
    service = make()
    executor.is_engine_up = False
    assert (await result(service, await service.accept(program(HELLO)))).verdict is Verdict.INTERNAL_ERROR
    with pytest.raises(EngineUnavailable):
        await service.accept(program(HELLO))
    executor.is_engine_up = True
    assert (await result(service, await service.accept(program(HELLO)))).verdict is Verdict.OK
    assert service.engine_error is None


async def test_an_engine_that_is_back_is_noticed_though_nothing_is_sent(
    make: Callable[..., Submissions], executor: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "ENGINE_PAUSES", Backoff(0.001, 0.001))
    service = make()
    async with service.at_work(), asyncio.timeout(DEADLINE_SECONDS):
        for _ in range(2):
            executor.is_engine_up = False
            assert (await result(service, await service.accept(program(HELLO)))).verdict is Verdict.INTERNAL_ERROR
            assert service.engine_error is not None
            executor.is_engine_up = True
            await eventually(lambda: _is_well(service), "it noticed by itself")


async def _is_well(service: Submissions) -> bool:
    return service.engine_error is None


async def test_draining_lets_what_runs_end_and_takes_nothing_new(
    make: Callable[..., Submissions], executor: FakeExecutor
) -> None:
    service = make()
    accepted = await service.accept(program(HANG))
    await until_it_hangs(executor)
    draining = asyncio.create_task(service.drain(DEADLINE_SECONDS))
    await asyncio.sleep(0)
    with pytest.raises(ShuttingDown):
        await service.accept(program(HELLO))
    executor.release.set()
    assert await draining is True
    assert (await service.get(accepted.id)).verdict is Verdict.OK


async def test_draining_ends_what_is_late_and_says_so(make: Callable[..., Submissions], executor: FakeExecutor) -> None:
    service = make(slots=1)
    running = await service.accept(program(HANG))
    waiting = await service.accept(program(HELLO))
    await until_it_hangs(executor)
    assert await service.drain(0) is False
    assert {(await service.get(one.id)).verdict for one in (running, waiting)} == {Verdict.CANCELLED}
    assert executor.running == set()


def test_a_submission_goes_through_its_phases_and_never_back() -> None:
    ticket = Ticket(id="1", request=program(HELLO), created_at=NOW, attempt=1)
    live = ActiveSubmission.of(ticket, make_plan(ticket.request, lambda _: language()), is_claimed=True)
    assert (live.phase, live.has_slot, live.has_verdict, live.is_over) == (Phase.WAITING, False, False, False)
    live.take(Finished(Verdict.OK, None), NOW)
    assert (live.phase, live.has_verdict, live.is_over) == (Phase.ENDING, True, False)
    assert live.view(None).verdict is None, "its end is shown only once it is kept"
    live.end()
    assert (live.phase, live.is_over, live.view(None).verdict) == (Phase.ENDED, True, Verdict.OK)
    other = ActiveSubmission.of(ticket, make_plan(ticket.request, lambda _: language()), is_claimed=False)
    other.give_away()
    other.take(Finished(Verdict.OK, None), NOW)
    assert (other.phase, other.is_over) == (Phase.GIVEN_AWAY, True)
