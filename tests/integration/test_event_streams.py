"""Event streams over real sockets: late, slow, lost and many readers, and clients that go away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.errors import InvalidSubmission, SubmissionNotFound
from ccx.events import Done, Event, Output, Queued
from ccx.wire import State, Submission, Verdict
from ccx_orchestrator.submissions.reading import event_stream
from tests.support.fakes import PuppetExecutor
from tests.support.node import eventually
from tests.support.puppet_node import PuppetNode, RawAnswer, ServerSent, program, puppet_node, raw_request, server_sent

DEADLINE_SECONDS = 30.0
BODY = program().model_dump_json().encode()
SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


@pytest.fixture
def puppet() -> PuppetExecutor:
    return PuppetExecutor()


@pytest.fixture
async def node(puppet: PuppetExecutor) -> AsyncIterator[PuppetNode]:
    async with asyncio.timeout(60), puppet_node(puppet) as node:
        yield node


async def accepted(node: PuppetNode) -> str:
    return (await node.client.submit(program(), wait=False)).id


async def ended(node: PuppetNode, submission_id: str) -> Submission:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await node.submissions.wait(submission_id)


async def events_of(answer: RawAnswer) -> list[ServerSent]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await answer.head() == 200
        return [event async for event in server_sent(answer)]


def text_of(events: list[ServerSent]) -> str:
    return "".join(str(event.document["data"]) for event in events if event.event == "output")


async def test_the_stream_tells_it_all_with_ids_and_ends_with_the_result(
    node: PuppetNode, puppet: PuppetExecutor
) -> None:
    submission_id = await accepted(node)
    puppet.says(submission_id, "héllo\n".encode())
    puppet.ends(submission_id)
    async with raw_request(node.url, "GET", f"/v1/submissions/{submission_id}/events") as answer:
        events = await events_of(answer)
        assert answer.headers is not None
        assert answer.headers["content-type"].startswith(SSE)
        assert answer.headers["cache-control"] == "no-cache"
    assert [(event.id, event.event) for event in events] == [
        ("1-1", "queued"),
        ("1-2", "started"),
        ("1-3", "output"),
        ("1-4", "case"),
        ("1-5", "done"),
    ]
    assert [event.document["id"] for event in events] == [event.id for event in events]
    assert text_of(events) == "héllo\n"
    submission = await node.client.submission(submission_id)
    assert Submission.model_validate(events[-1].document["submission"]) == submission


async def test_output_arrives_while_the_program_runs(node: PuppetNode, puppet: PuppetExecutor) -> None:
    submission_id = await accepted(node)
    async with aclosing(node.client.events(submission_id)) as events, asyncio.timeout(DEADLINE_SECONDS):
        for number in range(20):
            puppet.says(submission_id, f"{number}".encode())
            async for event in events:
                if isinstance(event, Output):
                    assert event.data == f"{number}"
                    break
        puppet.ends(submission_id)
        assert [event.type async for event in events] == ["case", "done"]


async def test_whoever_comes_back_goes_on_after_the_last_event_it_had(node: PuppetNode, puppet: PuppetExecutor) -> None:
    submission_id = await accepted(node)
    path = f"/v1/submissions/{submission_id}/events"
    told: list[ServerSent] = []
    for number in range(30):
        puppet.says(submission_id, f"{number} ".encode())
        last = str(told[-1].id) if told else ""
        async with raw_request(node.url, "GET", path, Last_Event_ID=last) as answer, asyncio.timeout(DEADLINE_SECONDS):
            await answer.head()
            async for event in server_sent(answer):
                told.append(event)
                if event.event == "output":
                    break
    puppet.ends(submission_id)
    async with raw_request(node.url, "GET", path, Last_Event_ID=str(told[-1].id)) as answer:
        told += await events_of(answer)
    assert [event.id for event in told] == [f"1-{number}" for number in range(1, len(told) + 1)]
    assert text_of(told) == "".join(f"{number} " for number in range(30))


async def test_after_the_last_event_there_is_nothing_so_that_a_browser_does_not_ask_again(
    node: PuppetNode, puppet: PuppetExecutor
) -> None:
    submission_id = await accepted(node)
    puppet.ends(submission_id)
    await ended(node, submission_id)
    path = f"/v1/submissions/{submission_id}/events"
    async with raw_request(node.url, "GET", path, Last_Event_ID="1-4") as answer:
        assert await answer.head() == 204
    assert [event async for event in node.client.events(submission_id, "1-4")] == []


async def test_a_place_that_is_none_and_a_submission_that_is_none_are_problems(node: PuppetNode) -> None:
    submission_id = await accepted(node)
    with pytest.raises(InvalidSubmission, match="such as 1-17"):
        await anext(node.client.events(submission_id, "last"))
    with pytest.raises(SubmissionNotFound):
        await anext(node.client.events("0" * 32))


async def test_a_waiting_post_is_a_stream_where_it_is_asked_for(node: PuppetNode, puppet: PuppetExecutor) -> None:
    for accept in (SSE, f"{NDJSON};q=0.9, application/json;q=0.1"):
        async with (
            raw_request(node.url, "POST", "/v1/submissions", BODY, Accept=accept) as answer,
            asyncio.timeout(DEADLINE_SECONDS),
        ):
            assert await answer.head() == 200
            assert answer.headers is not None
            submission_id = answer.headers["location"].rpartition("/")[2]
            puppet.says(submission_id, b"hello")
            puppet.ends(submission_id)
            if accept == SSE:
                kinds = [event.event async for event in server_sent(answer)]
            else:
                body = b"".join([piece async for piece in answer.pieces()])
                kinds = [json.loads(line)["type"] for line in body.splitlines()]
        assert kinds == ["queued", "started", "output", "case", "done"]


async def test_without_asking_a_waiting_post_is_one_document(node: PuppetNode, puppet: PuppetExecutor) -> None:
    waiting = asyncio.create_task(node.client.submit(program()))
    await eventually_running(puppet, 1)
    puppet.ends(next(iter(puppet.running)))
    assert (await waiting).verdict is Verdict.OK


async def eventually_running(puppet: PuppetExecutor, count: int) -> None:
    async def is_so() -> bool:
        return len(puppet.running) == count

    await eventually(is_so, f"{count} running")


@pytest.mark.parametrize("accept", [SSE, NDJSON, "application/json"])
async def test_a_client_that_goes_away_while_it_waits_cancels(
    node: PuppetNode, puppet: PuppetExecutor, accept: str
) -> None:
    async with raw_request(node.url, "POST", "/v1/submissions", BODY, Accept=accept):
        await eventually_running(puppet, 1)
        (submission_id,) = puppet.running
        puppet.says(submission_id, b"partial")

        async def has_written() -> bool:
            return bool((await node.submissions.get(submission_id)).cases)

        await eventually(has_written, "it has written")
    submission = await ended(node, submission_id)
    assert (submission.verdict, submission.cases[0].stdout) == (Verdict.CANCELLED, "partial")
    await eventually_running(puppet, 0)


@pytest.mark.parametrize("accept", [SSE, NDJSON, "application/json"])
async def test_a_client_that_asked_for_it_may_go_away(node: PuppetNode, puppet: PuppetExecutor, accept: str) -> None:
    async with raw_request(node.url, "POST", "/v1/submissions?detach=true", BODY, Accept=accept):
        await eventually_running(puppet, 1)
        (submission_id,) = puppet.running
    # It has gone; that the node has noticed is what another answer on the same event loop shows.
    assert (await node.client.submission(submission_id)).state is State.RUNNING
    puppet.says(submission_id, b"after")
    puppet.ends(submission_id)
    submission = await ended(node, submission_id)
    assert (submission.verdict, submission.cases[0].stdout) == (Verdict.OK, "after")


async def test_a_slow_reader_loses_nothing_and_slows_nobody_down(node: PuppetNode, puppet: PuppetExecutor) -> None:
    submission_id = await accepted(node)
    path = f"/v1/submissions/{submission_id}/events"
    blocks = [bytes([65 + number % 26]) * 32_000 for number in range(200)]
    async with raw_request(node.url, "GET", path, receive_bytes=4_096) as slow:
        for block in blocks:
            puppet.says(submission_id, block)
            await asyncio.sleep(0)
        puppet.ends(submission_id)
        async with raw_request(node.url, "GET", path) as fast:
            expected = await events_of(fast)
        assert (await ended(node, submission_id)).verdict is Verdict.OK
        read = await events_of(slow)
    assert read == expected
    assert text_of(read).encode() == b"".join(blocks)


async def test_two_hundred_readers_of_one_submission_all_get_all_of_it(
    node: PuppetNode, puppet: PuppetExecutor
) -> None:
    submission_id = await accepted(node)
    path = f"/v1/submissions/{submission_id}/events"

    async def read() -> list[ServerSent]:
        async with raw_request(node.url, "GET", path) as answer:
            return await events_of(answer)

    readers = [asyncio.create_task(read()) for _ in range(200)]
    for number in range(50):
        puppet.says(submission_id, f"{number}\n".encode())
        await asyncio.sleep(0.002)  # spread over the time in which the readers arrive
    puppet.ends(submission_id)
    told = await asyncio.gather(*readers)
    assert all(one == told[0] for one in told)
    assert text_of(told[0]) == "".join(f"{number}\n" for number in range(50))


async def test_who_waits_learns_of_every_step_ahead(puppet: PuppetExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "POSITION_SECONDS", 0.01)
    async with asyncio.timeout(DEADLINE_SECONDS), puppet_node(puppet, slots=1) as node:
        first, second, third = [await accepted(node) for _ in range(3)]
        async with aclosing(node.client.events(third)) as events:
            queued = await anext(events)
            assert isinstance(queued, Queued)
            assert (queued.id, queued.position) == ("1-1", 2)
            await node.client.cancel(second)
            moved = await anext(events)
            while isinstance(moved, Queued) and moved.position == 2:
                moved = await anext(events)
            assert isinstance(moved, Queued)
            assert (moved.id, moved.position) == (None, 1)
        await node.client.cancel(first)


async def test_a_silent_stream_shows_signs_of_life(
    node: PuppetNode, puppet: PuppetExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.01)
    submission_id = await accepted(node)
    await eventually_running(puppet, 1)
    path = f"/v1/submissions/{submission_id}/events"
    async with raw_request(node.url, "GET", path) as answer, asyncio.timeout(DEADLINE_SECONDS):
        await answer.head()
        async for piece in answer.pieces():
            if piece == b":\n\n":
                break
    puppet.ends(submission_id)


@asynccontextmanager
async def cutting_proxy(node: PuppetNode, most_bytes: int) -> AsyncIterator[str]:
    """A way to the node on which every connection breaks after so many bytes of the answer."""
    _, port = node.url.rsplit(":", 1)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", int(port))
        try:
            ours.write(await reader.readuntil(b"\r\n\r\n"))
            left = most_bytes
            while left and (data := await theirs.read(min(left, 100))):
                writer.write(data)
                left -= len(data)
            await writer.drain()
        finally:
            ours.close()
            writer.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_client_takes_up_a_broken_stream_where_it_broke_off(node: PuppetNode, puppet: PuppetExecutor) -> None:
    submission_id = await accepted(node)
    told: list[Event] = []
    async with cutting_proxy(node, 2_000) as url, Client(url) as client, asyncio.timeout(DEADLINE_SECONDS):
        puppet.says(submission_id, b"0 ")
        async for event in client.events(submission_id):
            told.append(event)
            if isinstance(event, Output) and len(told) < 40:
                puppet.says(submission_id, f"{len(told)} ".encode())
            elif isinstance(event, Output):
                puppet.ends(submission_id)
    assert [event.id for event in told] == [f"1-{number}" for number in range(1, len(told) + 1)]
    assert isinstance(told[-1], Done)
    output = "".join(event.data for event in told if isinstance(event, Output))
    assert output == (await ended(node, submission_id)).cases[0].stdout


async def test_characters_that_end_lines_elsewhere_do_not_end_an_event(
    node: PuppetNode, puppet: PuppetExecutor
) -> None:
    text = "a\u2028b\x85c\x0bd\x1ce\r\nf\0"
    submission_id = await accepted(node)
    puppet.says(submission_id, text.encode())
    puppet.ends(submission_id)
    events = [event async for event in node.client.events(submission_id)]
    assert "".join(event.data for event in events if isinstance(event, Output)) == text


async def test_a_program_is_run_and_followed_over_a_unix_socket(puppet: PuppetExecutor, tmp_path: Path) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS), puppet_node(puppet, uds=tmp_path / "node") as node:
        kinds = []
        async for event in node.client.run_stream(program()):
            kinds.append(event.type)
            if isinstance(event, Queued):
                puppet.says(event.submission_id, b"hello")
                puppet.ends(event.submission_id)
    assert kinds == ["queued", "started", "output", "case", "done"]


async def test_closing_the_stream_of_a_run_cancels_it(node: PuppetNode, puppet: PuppetExecutor) -> None:
    async with aclosing(node.client.run_stream(program())) as events:
        first = await anext(events)
        assert isinstance(first, Queued)
        await eventually_running(puppet, 1)
    assert (await ended(node, first.submission_id)).verdict is Verdict.CANCELLED


async def test_a_large_result_is_not_told_twice(node: PuppetNode, puppet: PuppetExecutor) -> None:
    submission_id = await accepted(node)
    puppet.says(submission_id, b"x" * 2_000_000)
    puppet.ends(submission_id)
    done = [event async for event in node.client.events(submission_id)][-1]
    assert isinstance(done, Done)
    assert done.submission is None
    assert len((await node.client.submission(submission_id)).cases[0].stdout) == 2_000_000
