"""`WS /v1/interactive` over real sockets, with a program that writes what is typed: no engine is needed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from ccx.client import Client
from ccx.errors import InvalidSubmission, NodeUnreachable, UnknownLanguage
from ccx.events import Done, Output, Queued
from ccx.interactive import Session
from ccx.messages import INPUT_WINDOW, Terminal
from ccx.wire import SourceFile, Submission, SubmissionRequest, Verdict
from tests.support.fakes import ECHO, HANG, FakeExecutor
from tests.support.node import eventually
from tests.support.puppet_node import PuppetNode, program, puppet_node

DEADLINE_SECONDS = 30.0
START = {"type": "start", "submission": program(ECHO).model_dump(mode="json", exclude_defaults=True)}
START_HANG = {"type": "start", "submission": program(HANG).model_dump(mode="json", exclude_defaults=True)}


@pytest.fixture
def executor() -> FakeExecutor:
    return FakeExecutor()


@pytest.fixture
async def node(executor: FakeExecutor) -> AsyncIterator[PuppetNode]:
    async with asyncio.timeout(DEADLINE_SECONDS), puppet_node(executor) as node:
        yield node


@pytest.fixture
async def connection(node: PuppetNode) -> AsyncIterator[ClientConnection]:
    async with connect(node.url.replace("http", "ws") + "/v1/interactive", proxy=None) as connection:
        yield connection


async def said(connection: ClientConnection) -> list[dict[str, Any]]:
    """All that the node says, to the end."""
    return [json.loads(message) async for message in connection]


def credit_in(told: list[dict[str, Any]]) -> int:
    return sum(one["bytes"] for one in told if one["type"] == "credit")


async def conversed(session: Session) -> tuple[bytes, bytes, Submission]:
    """Both outputs, to the end."""
    outputs = {"stdout": b"", "stderr": b""}
    async for event in session.events():
        if isinstance(event, Output):
            outputs[event.stream] += event.bytes()
        elif isinstance(event, Done):
            assert event.submission is not None
            return outputs["stdout"], outputs["stderr"], event.submission
    raise AssertionError("no end")


async def test_what_is_typed_is_answered_and_the_end_of_input_ends_it(connection: ClientConnection) -> None:
    for message in (
        START,
        {"type": "input", "data": "hé"},
        {"type": "input", "data": "AP8=", "encoding": "base64"},
        {"type": "signal", "signal": "INT"},
    ):
        await connection.send(json.dumps(message))
    told: list[dict[str, Any]] = []
    while credit_in(told) < len("hé".encode()) + 2:
        told.append(json.loads(await connection.recv()))
    await connection.send(json.dumps({"type": "end"}))
    told += await said(connection)
    kinds = [one["type"] for one in told]
    assert kinds[:2] == ["queued", "started"]
    assert kinds[-1] == "done"
    assert credit_in(told) == len("hé".encode()) + 2
    assert {one["data"] for one in told if one.get("stream") == "stderr"} == {"SIGINT"}
    assert connection.close_code == 1000


async def test_the_size_of_the_terminal_comes_first_and_may_change(node: PuppetNode) -> None:
    async with node.client.interactive(program(ECHO), Terminal(rows=24, columns=80)) as session:
        await session.resize(Terminal(rows=50, columns=132))
        await session.end_input()
        assert (await conversed(session))[1] == b"24x8050x132"


async def test_far_more_than_the_window_is_typed_piece_by_piece(node: PuppetNode) -> None:
    data = bytes(range(256)) * 4 * (INPUT_WINDOW // 256)
    async with node.client.interactive(program(ECHO)) as session:

        async def type_it() -> None:
            await session.type(data)
            await session.end_input()

        typing = asyncio.create_task(type_it())
        stdout, _, submission = await conversed(session)
        await typing
    assert stdout == data
    assert submission.verdict is Verdict.OK


async def test_the_program_ends_when_the_socket_closes(node: PuppetNode, executor: FakeExecutor) -> None:
    async with node.client.interactive(program(HANG)) as session, aclosing(session.events()) as events:
        first = await anext(events)
        assert isinstance(first, Queued)
        await executor.hangs.wait()
    ended = await node.submissions.wait(first.submission_id)
    assert (ended.verdict, ended.cases[0].stdout) == (Verdict.CANCELLED, "hello\n")

    async def is_idle() -> bool:
        return not executor.running

    await eventually(is_idle, "nothing runs")


async def test_a_session_takes_a_slot_and_waits_for_it_like_everybody(executor: FakeExecutor) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS), puppet_node(executor, slots=1) as node:
        await node.client.submit(program(HANG), wait=False)
        async with node.client.interactive(program(ECHO)) as session:
            await session.type(b"typed while it waits")
            await session.end_input()
            executor.release.set()
            stdout, _, _ = await conversed(session)
    assert stdout == b"typed while it waits"


async def test_a_session_runs_over_a_unix_socket(executor: FakeExecutor, tmp_path: Path) -> None:
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        puppet_node(executor, uds=tmp_path / "node") as node,
        node.client.interactive(program(ECHO)) as session,
    ):
        await session.type(b"hello")
        await session.end_input()
        assert (await conversed(session))[0] == b"hello"


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (["{"], "is not JSON"),
        ([b"\0"], "must be text"),
        ([{"type": "input", "data": "x"}], "must be 'start' in the first message"),
        ([{"type": "jump"}], "jump"),
        ([START, START], "must not be 'start' a second time"),
        ([START, {"type": "signal", "signal": "STOP"}], "'INT', 'TERM' or 'KILL'"),
        ([START, {"type": "resize", "terminal": {"rows": 0, "columns": 1}}], "must be at least 1"),
        ([START, {"type": "input", "data": "%", "encoding": "base64"}], "is not valid base64"),
        ([START, {"type": "input", "data": "x" * (INPUT_WINDOW + 1)}], "goes beyond the 65536 bytes"),
        ([START_HANG, {"type": "end"}, {"type": "input", "data": "x"}], "comes after the end of the input"),
        (["[" * 100_000], ""),
        ([" " * 2_000_000], "larger than 1048576 bytes"),
        ([START_HANG, " " * 2_000_000], "larger than 1048576 bytes"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_problem(
    connection: ClientConnection, node: PuppetNode, messages: list[Any], complaint: str
) -> None:
    for message in messages:
        await connection.send(json.dumps(message) if isinstance(message, dict) else message)
    told = await said_until_refused(connection)
    kind = "body-too-large" if "larger" in complaint else "invalid-submission"
    assert told["problem"]["type"] == f"urn:ccx:problem:{kind}"
    assert complaint in json.dumps(told["problem"], ensure_ascii=False)

    async def is_idle() -> bool:
        return node.submissions.running == 0

    await eventually(is_idle, "the session's program has ended")


async def said_until_refused(connection: ClientConnection) -> dict[str, Any]:
    told: list[dict[str, Any]] = []
    with suppress(ConnectionClosed):
        while True:
            told.append(json.loads(await connection.recv()))
    assert connection.close_code == 1008
    assert told[-1]["type"] == "refused"
    return told[-1]


async def test_the_client_raises_what_the_node_refuses(node: PuppetNode) -> None:
    unknown = SubmissionRequest(language="cobol", files=(SourceFile(name="a", content=""),))
    async with node.client.interactive(unknown) as session:
        with pytest.raises(UnknownLanguage):
            await conversed(session)
    with_input = program(ECHO).model_copy(update={"stdin": "x"})
    async with node.client.interactive(with_input) as session:
        with pytest.raises(InvalidSubmission, match="gets its input while it runs"):
            await conversed(session)


async def test_a_page_of_another_site_cannot_open_a_session(node: PuppetNode) -> None:
    address = node.url.replace("http", "ws") + "/v1/interactive"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, proxy=None, origin=Origin("https://evil.example"))
    assert refused.value.response.status_code == 403
    async with connect(address, proxy=None, origin=Origin(node.url)) as own:
        await own.send(json.dumps(START))
        assert json.loads(await own.recv())["type"] == "queued"


async def test_a_node_that_is_not_there_is_named() -> None:
    async with Client("http://127.0.0.1:9") as client:
        with pytest.raises(NodeUnreachable, match="ws://127"):
            async with client.interactive(program(ECHO)):
                pass
