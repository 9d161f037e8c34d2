"""Following a submission through a master that has it not: masters of one PostgreSQL server behind real sockets, with
executors that say what the test wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.errors import NodeUnreachable, NotOfTheCluster, SubmissionNotFound
from ccx.events import Done, Event, Output, Queued
from ccx.wire import FORWARDED_HEADER, State, Verdict
from ccx_orchestrator.access.doorkeeper import Doorkeeper
from ccx_orchestrator.api.node_port import NodePort
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.serving import serving
from ccx_orchestrator.slave_link.link import NodeIdentity
from ccx_orchestrator.slave_link.peers import PeerLink
from ccx_orchestrator.store.postgres import open_postgres
from ccx_orchestrator.submissions.reading import event_stream
from ccx_orchestrator.submissions.shared_store import work_sharing
from tests.support.fakes import PuppetExecutor
from tests.support.membership import joined, new_cluster, of_master
from tests.support.node import eventually
from tests.support.puppet_node import PuppetNode, listen_anywhere, program, raw_request, served
from tests.support.service import submissions_over

pytestmark = [pytest.mark.docker, pytest.mark.timeout(60)]

DEADLINE_SECONDS = 20.0
NOBODY = "http://127.0.0.1:9"  # where nothing listens


@dataclass
class Master:
    node: PuppetNode
    puppet: PuppetExecutor

    @property
    def client(self) -> Client:
        return self.node.client

    async def runs(self, content: str = "") -> str:
        """The id of a submission that runs here."""
        submission_id = (await self.client.submit(program(content), wait=False)).id
        await until_running(self, submission_id)
        return submission_id


class Masters:
    """Starts masters that share a database. One that is not alive never renews its lease."""

    def __init__(self, database: str, stack: AsyncExitStack) -> None:
        self._database = database
        self._stack = stack

    async def start(
        self,
        name: str,
        slots: int = 1,
        *,
        reached_at: str | None = None,
        lease_seconds: float = 60,
        is_alive: bool = True,
        member: Member | None = None,
    ) -> Master:
        listening, url = listen_anywhere()
        for_nodes, node_url = listen_anywhere() if member else (listening, url)
        reached_at = reached_at or (node_url.replace("http:", "https:") if member else url)
        opened = open_postgres(self._database, name, name, lease_seconds, reached_at)
        store = await self._stack.enter_async_context(opened)
        puppet = PuppetExecutor()
        peers = PeerLink(NodeIdentity(name, member))
        submissions = submissions_over(store, puppet, slots, peers=peers)
        if is_alive:
            await self._stack.enter_async_context(submissions.at_work())
        else:
            await store.take_over(("demo",))
        doorkeeper = Doorkeeper(is_revoked=member.is_revoked) if member else None
        node = await self._stack.enter_async_context(served(submissions, listening, url, doorkeeper=doorkeeper))
        if member:
            await self._stack.enter_async_context(serving(NodePort(node.app), for_nodes, tls=member.for_callers()))
        return Master(node, puppet)


@pytest.fixture
async def masters(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Masters]:
    monkeypatch.setattr(work_sharing, "BEAT_SECONDS", 0.2)
    async with asyncio.timeout(50), AsyncExitStack() as stack:
        yield Masters(database, stack)


async def until_running(master: Master, submission_id: str) -> None:
    async def is_running() -> bool:
        return submission_id in master.puppet.running

    await eventually(is_running, "it runs there", DEADLINE_SECONDS)


async def next_output(events: AsyncIterator[Event], told: list[Event]) -> Output:
    """The next output; all that came until then, and it, are added to `told`."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for event in events:
            told.append(event)
            if isinstance(event, Output):
                return event
    raise AssertionError("no more output")


async def rest_of(events: AsyncIterator[Event]) -> list[Event]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return [event async for event in events]


async def test_output_arrives_through_the_other_master_while_the_program_runs(masters: Masters) -> None:
    runs, asked = await masters.start("runs"), await masters.start("asked")
    submission_id = await runs.runs()
    told: list[Event] = []
    async with aclosing(asked.client.events(submission_id)) as events:
        for number in range(20):
            runs.puppet.says(submission_id, f"{number}".encode())
            assert (await next_output(events, told)).data == f"{number}"
        runs.puppet.ends(submission_id)
        told += await rest_of(events)
    assert told == [event async for event in runs.client.events(submission_id)]
    assert [event.id for event in told] == [f"1-{number}" for number in range(1, len(told) + 1)]
    assert isinstance(told[-1], Done)
    assert told[-1].submission == await asked.client.submission(submission_id)


async def test_a_reader_goes_on_at_whichever_master_it_asks_next(masters: Masters) -> None:
    runs, asked, third = [await masters.start(name) for name in ("runs", "asked", "third")]
    submission_id = await runs.runs()
    told: list[Event] = []
    for number in range(30):
        client = (runs, asked, third)[number % 3].client
        runs.puppet.says(submission_id, f"{number} ".encode())
        async with aclosing(client.events(submission_id, told[-1].id if told else None)) as events:
            await next_output(events, told)
    runs.puppet.ends(submission_id)
    told += await rest_of(asked.client.events(submission_id, told[-1].id))
    assert [event.id for event in told] == [f"1-{number}" for number in range(1, len(told) + 1)]
    assert "".join(event.data for event in told if isinstance(event, Output)) == "".join(f"{n} " for n in range(30))
    for master in (runs, asked, third):  # at once: the one that ran it may not even have shown the end yet
        assert await rest_of(master.client.events(submission_id, told[-1].id)) == []


async def test_many_readers_at_the_other_master_all_get_all_of_it(masters: Masters) -> None:
    runs, asked = await masters.start("runs"), await masters.start("asked")
    submission_id = await runs.runs()
    readers = [asyncio.create_task(rest_of(asked.client.events(submission_id))) for _ in range(50)]
    for number in range(50):
        runs.puppet.says(submission_id, f"{number}\n".encode())
        await asyncio.sleep(0.002)  # spread over the time in which the readers arrive
    runs.puppet.ends(submission_id)
    told = await asyncio.gather(*readers)
    assert all(one == told[0] for one in told)
    assert told[0] == await rest_of(runs.client.events(submission_id))


async def test_the_place_in_the_queue_is_told_by_any_master(masters: Masters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "POSITION_SECONDS", 0.01)
    here, asked = await masters.start("here"), await masters.start("asked")
    busy = [await master.runs() for master in (here, asked)]
    first, second = [(await here.client.submit(program(), wait=False)).id for _ in range(2)]
    assert [(await asked.client.submission(one)).queue_position for one in (first, second)] == [1, 2]
    async with aclosing(asked.client.events(second)) as events, asyncio.timeout(DEADLINE_SECONDS):
        assert await anext(events) == Queued(id="1-1", submission_id=second, position=2)
        await asked.client.cancel(first)
        while (moved := await anext(events)) == Queued(submission_id=second, position=2):
            pass
        assert moved == Queued(submission_id=second, position=1)
    assert (await asked.client.submission(second)).queue_position == 1
    running = await asked.client.submission(busy[0])
    assert (running.state, running.node, running.queue_position) == (State.RUNNING, "puppet", None)


async def test_a_stream_goes_along_with_a_submission_that_another_master_takes(masters: Masters) -> None:
    here = await masters.start("here")
    busy = await here.runs()
    told: list[Event] = []
    async with aclosing(here.client.run_stream(program())) as events:
        queued = await anext(events)
        assert isinstance(queued, Queued)
        submission_id = queued.submission_id
        thief = await masters.start("thief")
        thief.puppet.says(submission_id, b"from the thief")
        assert (await next_output(events, told)).data == "from the thief"
        thief.puppet.ends(submission_id)
        told = [queued, *told, *await rest_of(events)]
    numbered = [event.id for event in told if event.id]
    assert numbered == [f"1-{number}" for number in range(1, len(numbered) + 1)]
    assert isinstance(told[-1], Done)
    here.puppet.ends(busy)


async def test_a_stream_goes_on_with_the_next_attempt_where_its_master_is_thought_dead(masters: Masters) -> None:
    hung = await masters.start("hung", is_alive=False, lease_seconds=60)
    submission_id = await hung.runs()
    asked = await masters.start("asked", slots=1, lease_seconds=60)
    occupied = await asked.runs()  # so that it has to be the third
    told: list[Event] = []
    async with (
        aclosing(asked.client.events(submission_id)) as events,
        aclosing(hung.client.events(submission_id)) as of_hung,
    ):
        hung.puppet.says(submission_id, b"void")
        assert (await next_output(events, told)).data == "void"
        assert (await next_output(of_hung, [])).data == "void"
        third = await masters.start("third", lease_seconds=1)
        third.puppet.says(submission_id, b"valid")
        assert (await next_output(events, told)).data == "valid"
        # Whoever has seen the next attempt does not get back to the one before, whomever it asks.
        async with aclosing(hung.client.events(submission_id, told[-1].id)) as back:
            third.puppet.says(submission_id, b" too")
            assert (await next_output(back, [])).id == "2-4"
        third.puppet.ends(submission_id)
        told += await rest_of(events)
        hung.puppet.ends(submission_id)  # its end has no effect
        assert (await rest_of(of_hung))[-1] == told[-1]
    assert [event.id for event in told] == ["1-1", "1-2", "1-3", *(f"2-{number}" for number in range(1, 7))]
    assert sum(isinstance(event, Done) for event in told) == 1
    result = await asked.client.submission(submission_id)
    assert (result.verdict, result.attempt, result.cases[0].stdout) == (Verdict.OK, 2, "valid too")
    asked.puppet.ends(occupied)


async def test_a_cancel_reaches_whoever_goes_on_with_it_where_its_master_is_gone(masters: Masters) -> None:
    deaf = await masters.start("deaf", is_alive=False)
    asked = await masters.start("asked")
    occupied = await asked.runs()
    submission_id = await deaf.runs()
    cancelling = asyncio.create_task(asked.client.cancel(submission_id))
    third = await masters.start("third", lease_seconds=1)
    assert (await cancelling).verdict is Verdict.CANCELLED
    assert submission_id not in third.puppet.running
    asked.puppet.ends(occupied)


async def test_from_a_master_that_cannot_be_reached_the_events_come_at_the_end(
    masters: Masters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "LOOK_AGAIN_SECONDS", 0.2)
    runs, asked = await masters.start("runs", reached_at=NOBODY), await masters.start("asked")
    submission_id = await runs.runs()
    runs.puppet.says(submission_id, b"hello")
    seen = await asked.client.submission(submission_id)
    assert (seen.state, seen.queue_position) == (State.RUNNING, None)
    path = f"/v1/submissions/{submission_id}/events"
    async with raw_request(asked.node.url, "GET", path) as answer, asyncio.timeout(DEADLINE_SECONDS):
        assert await answer.head() == 200
        pieces = answer.pieces()
        assert (await anext(pieces)).startswith(b"retry:")
        assert [await anext(pieces) for _ in range(3)] == [b":\n\n"] * 3  # signs of life
        reading = asyncio.create_task(rest_of(asked.client.events(submission_id)))
        runs.puppet.ends(submission_id)
        assert await reading == await rest_of(runs.client.events(submission_id))


async def test_a_question_that_was_passed_on_is_not_passed_on_again(masters: Masters) -> None:
    runs, asked = await masters.start("runs"), await masters.start("asked")
    submission_id = await runs.runs()
    async with Client(asked.node.url, headers={FORWARDED_HEADER: "a-node"}) as node:
        with pytest.raises(SubmissionNotFound, match="Another node"):
            await anext(node.events(submission_id))
        seen = await node.submission(submission_id)
        assert (seen.state, seen.node) == (State.RUNNING, None)  # what the store knows
        runs.puppet.ends(submission_id)
        told = await rest_of(runs.client.events(submission_id))
        assert await rest_of(node.events(submission_id)) == told


async def test_masters_that_are_reached_where_they_are_not_ask_each_other_in_vain_and_not_in_circles(
    masters: Masters,
) -> None:
    asked = await masters.start("asked")
    runs = await masters.start("runs", reached_at=asked.node.url)
    submission_id = await runs.runs()
    reading = asyncio.create_task(rest_of(asked.client.events(submission_id)))
    assert (await asked.client.submission(submission_id)).state is State.RUNNING
    runs.puppet.ends(submission_id)
    assert await reading == await rest_of(runs.client.events(submission_id))


async def test_masters_ask_each_other_by_their_certificates(masters: Masters, tmp_path: Path) -> None:
    ours, others = await new_cluster(), await new_cluster()
    runs = await masters.start("runs", member=await of_master(ours, tmp_path / "runs", "runs"))
    asked = await masters.start("asked", member=await of_master(ours, tmp_path / "asked", "asked"))
    stranger = await masters.start("stranger", member=await of_master(others, tmp_path / "stranger", "stranger"))
    slave = await masters.start("slave", member=await joined(ours, tmp_path / "slave", "slave"))
    submission_id = await runs.runs()
    runs.puppet.says(submission_id, b"hello")
    async with aclosing(asked.client.events(submission_id)) as events:
        await next_output(events, [])
    assert (await asked.client.submission(submission_id)).node == "puppet"
    for refused in (stranger, slave):
        assert (await refused.client.submission(submission_id)).node is None
    async with Client(runs.node.url, headers={FORWARDED_HEADER: "a-node"}) as unknown:
        with pytest.raises(NotOfTheCluster):
            await unknown.submission(submission_id)
        with pytest.raises(NotOfTheCluster):
            await anext(unknown.events(submission_id))


async def test_a_master_that_stops_lets_go_of_those_who_follow_through_it(masters: Masters) -> None:
    runs, asked = await masters.start("runs"), await masters.start("asked")
    unreachable = await masters.start("unreachable", reached_at=NOBODY)
    through, waiting = await runs.runs(), await unreachable.runs()
    runs.puppet.says(through, b"hello")
    async with (
        aclosing(asked.client.events(through, resume_seconds=0)) as events,
        aclosing(asked.client.events(waiting, resume_seconds=0)) as silent,
    ):
        await next_output(events, [])
        first = asyncio.create_task(anext(silent))
        await asyncio.sleep(0)
        await asked.node.submissions.drain(0)
        with pytest.raises(NodeUnreachable):
            await rest_of(events)
        with pytest.raises(NodeUnreachable):
            await first


async def test_what_another_master_does_is_told_to_whoever_watches_this_one(masters: Masters) -> None:
    runs, asked = await masters.start("runs"), await masters.start("asked")
    before = await runs.runs("before")
    watched = asked.node.submissions
    others = watched.other_masters
    assert others is not None
    watched.changes.listen(lambda: None)
    await others.look()
    runs.puppet.ends(before)
    await asked.client.wait(before)
    await others.look()
    after = await runs.runs("after")
    mine = await asked.runs("mine")
    await others.look()
    asked.puppet.ends(mine)
    await asked.client.wait(mine)
    await others.look()
    told = [(change.summary.id, change.summary.state) for change in watched.changes.since(0) or ()]
    assert [one for one in told if one[0] != mine] == [(before, State.DONE), (after, State.RUNNING)]
    assert [state for one, state in told if one == mine].count(State.DONE) == 1
    runs.puppet.ends(after)
