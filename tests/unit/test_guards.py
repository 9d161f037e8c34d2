"""Who may come in: names of this node, pages of other sites, slow and too many connections. Over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from ccx.wire import Problem
from ccx_orchestrator.access.connections import ConnectionBounds
from ccx_orchestrator.access.hosts import KnownHosts
from ccx_orchestrator.access.origins import KnownOrigins
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.serving import serving
from ccx_orchestrator.store.memory import MemoryStore
from tests.support.fakes import FakeCatalogue, FakeExecutor
from tests.support.puppet_node import listen_anywhere
from tests.support.service import submissions_over

SCHOOL = "https://school.example"
SOON_SECONDS = 0.3
DEADLINE_SECONDS = 20


@asynccontextmanager
async def guarded(**bounds: float) -> AsyncIterator[str]:
    """A node called `node.example`, which a page of a school may use; its URL."""
    submissions = submissions_over(MemoryStore(), FakeExecutor(), 2)
    hosts, origins = KnownHosts.of("node.example"), KnownOrigins((SCHOOL,))
    node = Node(
        "guarded",
        submissions,
        FakeCatalogue(),
        1 << 20,
        bytes,
        hosts=hosts,
        origins=origins,
        read_seconds=bounds.get("read_seconds", 15.0),
    )
    listening, url = listen_anywhere()
    async with serving(create_app(node), listening, **bounds):  # type: ignore[arg-type]
        try:
            yield url
        finally:
            await submissions.drain(0)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with guarded() as url:
        yield url


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=url) as http:
        yield http


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("127.0.0.1:8700", True),
        ("[::1]:8700", True),
        ("10.0.0.7", True),
        ("localhost", True),
        ("a.localhost:1", True),
        ("master:8700", True),
        ("node.example", True),
        ("NODE.example.:8700", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("node.example.evil.example", False),
        ("localhost.evil.example:8700", False),
    ],
)
async def test_a_node_answers_to_no_name_that_is_not_its_own(
    http: httpx2.AsyncClient, host: str, is_known: bool
) -> None:
    answer = await http.get("/healthz", headers={"host": host})
    assert answer.status_code == (200 if is_known else 421)
    if not is_known:
        problem = Problem.model_validate_json(answer.content)
        assert problem.type == "urn:ccx:problem:foreign-host"
        assert "setting 'hosts'" in problem.detail


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("POST", None, 415),
        ("POST", "own", 415),
        ("POST", SCHOOL, 415),
        ("POST", "https://evil.example", 403),
        ("POST", "null", 403),
        ("POST", "http://127.0.0.1:1", 403),
        ("DELETE", "https://evil.example", 403),
        ("GET", "https://evil.example", 200),
    ],
)
async def test_a_page_of_another_site_changes_nothing(
    http: httpx2.AsyncClient, url: str, method: str, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"origin": url if origin == "own" else origin}
    answer = await http.request(method, "/v1/submissions", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert Problem.model_validate_json(answer.content).type == "urn:ccx:problem:foreign-origin"


async def test_browsers_let_only_the_pages_that_were_named_read_an_answer(http: httpx2.AsyncClient) -> None:
    seen = {
        origin: (await http.get("/healthz", headers={"origin": origin})).headers.get("access-control-allow-origin")
        for origin in (SCHOOL, "https://evil.example")
    }
    assert seen == {SCHOOL: SCHOOL, "https://evil.example": None}
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in (await http.options("/v1/submissions", headers=asked)).headers


async def test_load_balancers_may_ask_for_the_head_alone(http: httpx2.AsyncClient) -> None:
    answer = await http.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/nothing", "/openapi.json"])
async def test_every_answer_tells_browsers_what_it_may_do(http: httpx2.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


async def test_the_documentation_needs_no_other_host(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/docs")).text
    assert "://" not in page.replace("http://www.w3.org", "")
    for path in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert path in page
        assert (await http.get(f"/static-offline-docs/{path}")).status_code == 200


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(url.rsplit(":", 1)[1])
    return await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize(
    ("beginning", "answer"),
    [
        (b"", b""),
        (b"POST /v1/submissions HTT", b""),
        (b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\n", b""),
        (
            b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
            b"HTTP/1.1 408",
        ),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HT", b"HTTP/1.1 200"),
    ],
)
async def test_a_request_that_never_ends_is_not_waited_for(beginning: bytes, answer: bytes) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS), guarded(read_seconds=SOON_SECONDS) as url:
        reader, writer = await connect(url)
        writer.write(beginning)
        told = await reader.read(len(answer) or -1)
        assert told == answer
        writer.close()


async def test_a_slow_program_is_no_slow_request(http: httpx2.AsyncClient) -> None:
    async with guarded(read_seconds=SOON_SECONDS) as url, httpx2.AsyncClient(base_url=url) as own:
        assert (await own.get("/healthz")).status_code == 200
        await asyncio.sleep(0)  # the connection is kept, and has no deadline while it is idle but uvicorn's
        assert (await own.get("/healthz")).status_code == 200


async def test_one_address_never_has_all_connections_and_its_place_is_free_again() -> None:
    async with asyncio.timeout(DEADLINE_SECONDS), guarded(max_connections=6) as url:
        kept = [await connect(url) for _ in range(3)]
        reader, writer = await connect(url)
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        writer.close()
        kept.pop()[1].close()
        while True:
            reader, writer = await connect(url)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            if (await reader.readline()).startswith(b"HTTP/1.1 200"):
                break
            writer.close()
        for _, one in [*kept, (reader, writer)]:
            one.close()


def test_connections_are_counted_in_all_and_by_address() -> None:
    bounds = ConnectionBounds(4)
    assert [bounds.enter(number, "a") for number in range(3)] == [True, True, False]
    assert [bounds.enter(number, "b") for number in (10, 11, 12)] == [True, True, False]
    assert not bounds.enter(20, None)  # all are taken
    bounds.leave(0)
    bounds.leave(0)
    bounds.leave(99)
    assert (bounds.enter(20, None), bounds.enter(21, "a")) == (True, False)
