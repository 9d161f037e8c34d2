"""The SDK against a real socket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ccx import Client
from ccx.errors import BadInput, NodeUnreachable, QueueFull, SubmissionNotFound, UnexpectedAnswer
from ccx.wire import SourceFile, State, SubmissionRequest, Verdict
from ccx_orchestrator.slave_link.aiohttp_exchange import AiohttpExchange

if TYPE_CHECKING:
    from tests.unit.conftest import TinyNode

PROGRAM = SubmissionRequest(language="c", files=(SourceFile(name="a.c", content="int main;"),))
LIMITS = {
    "cpu_seconds": 5,
    "wall_seconds": 10,
    "memory_bytes": 2**28,
    "processes": 64,
    "output_bytes": 2**20,
    "file_bytes": 2**26,
}
MakesClient = Callable[[str], Client]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"


def document(**fields: Any) -> dict[str, Any]:
    return {"id": "7", "state": "done", "verdict": "ok", "language": "c", "created_at": "2024-01-01T00:00:00Z"} | fields


def _with_aiohttp(url: str) -> Client:
    """As one node calls another."""
    return Client(url, exchange=AiohttpExchange)


@pytest.fixture(params=[Client, _with_aiohttp], ids=["httpx", "aiohttp"])
def client_of(request: pytest.FixtureRequest) -> MakesClient:
    """A client of that node, with each library that there is."""
    made: MakesClient = request.param
    return made


async def test_a_program_is_handed_in_and_its_result_awaited(client_of: MakesClient, tiny_node: TinyNode) -> None:
    tiny_node.says("POST /v1/submissions", document())
    async with client_of(tiny_node.url) as client:
        submission = await client.submit(PROGRAM)
    assert submission.verdict is Verdict.OK
    (received,) = tiny_node.received
    assert received.query == "wait=true"
    assert received.headers["content-type"] == "application/json"
    assert SubmissionRequest.model_validate_json(received.body) == PROGRAM


async def test_a_program_is_handed_in_without_waiting(client_of: MakesClient, tiny_node: TinyNode) -> None:
    tiny_node.says("POST /v1/submissions", document(state="queued", verdict=None), status=202)
    async with client_of(tiny_node.url) as client:
        submission = await client.submit(PROGRAM, wait=False)
    assert submission.state is State.QUEUED
    assert tiny_node.received[0].query == "wait=false"


async def test_what_was_left_at_its_default_is_not_sent_so_that_an_older_node_understands(
    client_of: MakesClient, tiny_node: TinyNode
) -> None:
    tiny_node.says("POST /v1/submissions", document())
    async with client_of(tiny_node.url) as client:
        await client.submit(PROGRAM)
    assert tiny_node.received[0].document().keys() == {"language", "files"}


async def test_waiting_asks_until_the_submission_is_done(client_of: MakesClient, tiny_node: TinyNode) -> None:
    for state in ("queued", "running", "done"):
        tiny_node.says("GET /v1/submissions/7", document(state=state))
    async with client_of(tiny_node.url) as client:
        submission = await client.wait("7")
    assert submission.state is State.DONE
    assert len(tiny_node.received) == 3


async def test_an_id_cannot_change_the_address(client_of: MakesClient, tiny_node: TinyNode) -> None:
    tiny_node.says("GET /v1/submissions/a%2F..%3Fb", document())
    async with client_of(tiny_node.url) as client:
        assert (await client.submission("a/..?b")).id == "7"


async def test_languages_are_listed(client_of: MakesClient, tiny_node: TinyNode) -> None:
    c = {"name": "c", "title": "C", "aliases": ["gcc"], "suffixes": [".c"], "version": "gcc 14", "image": "ccx-c"}
    tiny_node.says("GET /v1/languages", [c | {"default_limits": LIMITS, "highest_limits": LIMITS}])
    async with client_of(tiny_node.url) as client:
        (language,) = await client.languages()
    assert (language.name, language.suffixes, language.default_limits.processes) == ("c", (".c",), 64)


async def test_health_is_told(client_of: MakesClient, tiny_node: TinyNode) -> None:
    health = {"status": "ok", "node": "master", "engine": "ok", "running": 1, "queued": 0, "slots": 4}
    tiny_node.says("GET /healthz", health)
    async with client_of(tiny_node.url) as client:
        assert (await client.health()).slots == 4


async def test_a_unix_socket_serves_as_well(tiny_node_on_a_unix_socket: TinyNode) -> None:
    tiny_node_on_a_unix_socket.says("GET /v1/submissions/7", document())
    async with Client(uds=Path(tiny_node_on_a_unix_socket.url)) as client:
        assert (await client.submission("7")).id == "7"


async def test_an_address_without_a_scheme_or_with_a_slash_at_its_end_is_understood(tiny_node: TinyNode) -> None:
    tiny_node.says("GET /v1/submissions/7", document())
    async with Client(tiny_node.url.removeprefix("http://") + "/") as client:
        assert (await client.submission("7")).id == "7"


async def test_an_address_may_have_a_path_in_front(tiny_node: TinyNode) -> None:
    tiny_node.says("GET /ccx/v1/submissions/7", document())
    async with Client(tiny_node.url + "/ccx") as client:
        assert (await client.submission("7")).id == "7"


async def test_a_proxy_of_the_environment_is_not_used(
    client_of: MakesClient, tiny_node: TinyNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    tiny_node.says("GET /v1/submissions/7", document())
    async with client_of(tiny_node.url) as client:
        assert (await client.submission("7")).id == "7"


async def test_a_problem_document_is_the_error_it_tells_of(client_of: MakesClient, tiny_node: TinyNode) -> None:
    tiny_node.refuses("POST /v1/submissions", "queue-full", 429, "The queue is full.", retry_after_seconds=2.5)
    tiny_node.refuses("GET /v1/submissions/8", "submission-not-found", 404, "No such submission.")
    async with client_of(tiny_node.url) as client:
        with pytest.raises(QueueFull, match=r"The queue is full\.") as caught:
            await client.submit(PROGRAM)
        with pytest.raises(SubmissionNotFound):
            await client.submission("8")
    assert caught.value.retry_after_seconds == 2.5


async def test_a_node_that_is_not_there_is_named_with_a_remedy(client_of: MakesClient) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        async with client_of(url) as client:
            with pytest.raises(NodeUnreachable, match=rf"{url}.*start a node with 'ccx serve'"):
                await client.languages()


async def test_a_unix_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with Client(uds=tmp_path / "nobody.sock") as client:
        with pytest.raises(NodeUnreachable, match=r"nobody\.sock"):
            await client.languages()


async def test_a_name_that_cannot_be_resolved_is_unreachable(client_of: MakesClient) -> None:
    async with client_of("http://" + "a" * 70 + ".invalid:80") as client:
        with pytest.raises(NodeUnreachable):
            await client.languages()


async def test_a_node_that_does_not_answer_in_time_is_unreachable(
    client_of: MakesClient, tiny_node: TinyNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccx.client.ANSWER_SECONDS", 0.05)
    tiny_node.holds("GET /v1/languages")
    async with client_of(tiny_node.url) as client:
        with pytest.raises(NodeUnreachable, match=r"no answer within 0\.05 s"):
            await client.languages()


@pytest.mark.parametrize(
    "reply", [b"", HEAD + b"\r\n[", b"SSH-2.0-OpenSSH_9.2\r\n"], ids=["nothing", "cut off", "not HTTP"]
)
async def test_an_answer_that_breaks_off_or_is_no_http_is_unreachable(
    client_of: MakesClient, tiny_node: TinyNode, reply: bytes
) -> None:
    tiny_node.says_bytes("GET /v1/languages", reply)
    async with client_of(tiny_node.url) as client:
        with pytest.raises(NodeUnreachable, match=tiny_node.url):
            await client.languages()


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (200, {"hello": "world"}, "application/json"),
        (200, "<html>", "text/html"),
        (302, {}, "application/json"),
        (404, {"message": "Not Found"}, "application/json"),
        (502, "Bad Gateway", "text/html"),
        (400, {"title": "a problem of someone else"}, "application/problem+json"),
        (500, [], "application/problem+json; charset=utf-8"),
    ],
)
async def test_an_answer_of_something_else_than_a_node_is_unexpected(
    client_of: MakesClient, tiny_node: TinyNode, status: int, body: Any, content_type: str
) -> None:
    tiny_node.says("GET /v1/languages", body, status, content_type)
    async with client_of(tiny_node.url) as client:
        with pytest.raises(UnexpectedAnswer, match=rf"{tiny_node.url}.*HTTP {status}.*check the address"):
            await client.languages()


async def test_an_answer_that_cannot_be_decoded_is_unexpected(client_of: MakesClient, tiny_node: TinyNode) -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope"
    tiny_node.says_bytes("GET /v1/languages", reply)
    async with client_of(tiny_node.url) as client:
        with pytest.raises(UnexpectedAnswer, match="cannot be decoded"):
            await client.languages()


@pytest.mark.parametrize("address", ["", "ftp://host", "http://", "http://[::1", "http://host:99999", "http://a:b:c"])
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(BadInput, match=r"write it like http://127\.0\.0\.1:8700"):
        Client(address)


async def test_a_closed_connection_to_other_nodes_is_unreachable(tiny_node: TinyNode) -> None:
    client = _with_aiohttp(tiny_node.url)
    with pytest.raises(UnexpectedAnswer):
        await client.languages()
    await client.__aexit__()
    with pytest.raises(NodeUnreachable, match="not called any more"):
        await client.languages()


async def test_a_password_in_the_address_is_not_shown(client_of: MakesClient) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        async with client_of(f"http://me:secret@127.0.0.1:{deaf.getsockname()[1]}") as client:
            with pytest.raises(NodeUnreachable) as caught:
                await client.languages()
    assert "secret" not in str(caught.value)
