"""What all addresses do alike, over a real socket."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from ccx.wire import Problem
from tests.support.fakes import FakeExecutor
from tests.support.puppet_node import PuppetNode, program, puppet_node

GZIP = {"accept-encoding": "gzip"}


@pytest.fixture
async def node() -> AsyncIterator[PuppetNode]:
    async with puppet_node(FakeExecutor()) as node:
        yield node


@pytest.fixture
async def http(node: PuppetNode) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=node.url, headers={"accept-encoding": "identity"}) as http:
        yield http


@pytest.mark.parametrize("path", ["/healthz", "/v1/languages", "/v1/submissions", "/openapi.json", "/metrics"])
async def test_head_is_the_head_of_get(http: httpx2.AsyncClient, path: str) -> None:
    got, head = await http.get(path), await http.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_head_of_a_stream_ends(node: PuppetNode, http: httpx2.AsyncClient) -> None:
    ended = await node.client.submit(program())
    assert (await http.head(f"/v1/submissions/{ended.id}/events")).status_code == 200
    assert (await http.head(f"/v1/submissions/{'0' * 32}/events")).status_code == 404


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/v1/submissions?langauge=c", "query.langauge: is not a parameter of this address; did you mean 'language'?"),
        ("/healthz?x=1", "query.x: is not a parameter of this address; there is none."),
        ("/v1/languages?a&b", "there is without_image."),
    ],
)
async def test_an_unknown_query_parameter_is_refused_by_name(
    http: httpx2.AsyncClient, path: str, complaint: str
) -> None:
    answer = await http.get(path)
    problem = Problem.model_validate_json(answer.content)
    assert answer.status_code == 422
    assert complaint.rstrip(".") in problem.detail


async def test_a_large_answer_is_zipped_for_who_takes_that_and_a_small_one_is_not(http: httpx2.AsyncClient) -> None:
    plain = await http.get("/openapi.json")
    assert "content-encoding" not in plain.headers
    async with http.stream("GET", "/openapi.json", headers=GZIP) as zipped:
        raw = b"".join([piece async for piece in zipped.aiter_raw()])
    assert json.loads(gzip.decompress(raw)) == plain.json()
    assert len(raw) < len(plain.content) / 3
    assert "content-encoding" not in (await http.get("/healthz", headers=GZIP)).headers


async def test_a_stream_is_not_held_back_to_be_zipped(node: PuppetNode, http: httpx2.AsyncClient) -> None:
    ended = await node.client.submit(program("x" * 10_000))
    answer = await http.get(f"/v1/submissions/{ended.id}/events", headers=GZIP)
    assert "content-encoding" not in answer.headers


async def test_a_submission_that_has_ended_is_sent_once_to_who_keeps_it(
    node: PuppetNode, http: httpx2.AsyncClient
) -> None:
    ended = await node.client.submit(program())
    path = f"/v1/submissions/{ended.id}"
    tag = (await http.get(path)).headers["etag"]
    again = await http.get(path, headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await http.get(path, headers={"if-none-match": '"other"'})).status_code == 200


async def test_a_node_tells_its_version(node: PuppetNode) -> None:
    assert (await node.client.health()).version


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('{"language": "demo", "files": [{"content": ""}], "stdim": ""}', "did you mean 'stdin'?"),
        ('{"language": "demo", "files": [{"content": ""}], "zzz": 1}', "zzz: is not a field that is known here"),
        ('{"language": "demo"}', "files: is missing"),
        ('{"language": 5, "files": []}', "language: must be text"),
        ('{"language": "demo", "files": []}', "files: must have at least 1 entry"),
        ('{"language": "demo"', "body: is not JSON (line 1, column"),
        ('{"language": "demo", "files": [{"content": ""}], "priority": 999}', "priority: must be at most 100"),
        ('{"language": "demo", "files": [{"content": ""}], "stop_on_failure": 3}', "must be true or false"),
        (
            '{"language": "demo", "files": [{"content": ""}], "limits": {"memory_bytes": 9999999999}}',
            "limits.memory_bytes: must be at most 2147483648 (2 GiB)",
        ),
    ],
)
async def test_what_is_wrong_is_said_in_words_of_ours(http: httpx2.AsyncClient, body: str, complaint: str) -> None:
    answer = await http.post("/v1/submissions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    problem = Problem.model_validate_json(answer.content)
    assert complaint in "; ".join(f"{error.field}: {error.message}" for error in problem.errors)
