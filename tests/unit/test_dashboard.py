"""The page's files over HTTP, whatever is in them, and the feed that it lives on."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from ccx.errors import NodeUnreachable
from ccx.feed import Gap, NodesChanged, SubmissionChanged, parse_feed_event
from ccx_orchestrator.api import problems
from ccx_orchestrator.dashboard.page import VIEWS, open_page
from tests.support.locked_node import locked_node
from tests.support.puppet_node import program

DEADLINE_SECONDS = 20


def client_of(built: Path) -> httpx2.AsyncClient:
    app = FastAPI(openapi_url=None)
    problems.install(app)
    open_page(app, built)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://node")


@pytest.mark.parametrize("view", [view.replace("{submission_id}", "0" * 32) for view in VIEWS])
async def test_every_view_is_the_same_document(tmp_path: Path, view: str) -> None:
    (tmp_path / "index.html").write_text("<p>page</p>")
    async with client_of(tmp_path) as http:
        answer = await http.get(view)
    assert (answer.status_code, answer.text) == (200, "<p>page</p>")
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_file_may_be_kept_for_ever_and_none_is_served_from_elsewhere(tmp_path: Path) -> None:
    built = tmp_path / "static"
    (built / "assets").mkdir(parents=True)
    (built / "assets/a.js").write_text("1")
    (tmp_path / "secret").write_text("secret")
    async with client_of(built) as http:
        file = await http.get("/assets/a.js")
        outside = [await http.get(f"/assets/{path}") for path in ("../../secret", "%2e%2e/%2e%2e/secret", "b.js")]
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert [answer.status_code for answer in outside] == [404, 404, 404]


async def test_without_a_page_it_is_told_how_to_make_one(tmp_path: Path) -> None:
    async with client_of(tmp_path) as http:
        answer = await http.get("/")
    assert (answer.status_code, "make page" in answer.json()["detail"]) == (404, True)


# The feed


async def next_of(events: Any, kind: type) -> Any:
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError("it ended")


async def test_whoever_watches_is_told_of_nodes_and_of_submissions_from_accepted_to_done() -> None:
    async with locked_node(asks=False) as node, node.client("nobody") as client, aclosing(client.watch()) as events:
        assert (await next_of(events, NodesChanged)).nodes[0].name == "locked"
        ended = await client.submit(program())
        told = [await next_of(events, SubmissionChanged) for _ in range(3)]
    assert {one.submission.id for one in told} == {ended.id}
    assert [one.submission.state for one in told] == ["queued", "running", "done"]
    assert told[-1].submission.verdict == ended.verdict


async def test_nobody_is_told_of_what_is_anothers() -> None:
    async with (
        locked_node() as node,
        node.client("user") as mine,
        node.client("other user") as theirs,
        aclosing(theirs.watch()) as events,
    ):
        await next_of(events, NodesChanged)
        await mine.submit(program())
        own = await theirs.submit(program())
        assert (await next_of(events, SubmissionChanged)).submission.id == own.id


async def test_a_reader_goes_on_where_it_was_or_is_told_of_a_gap() -> None:
    async with locked_node(asks=False) as node, node.client("nobody") as client, aclosing(client.watch()) as watching:
        await next_of(watching, NodesChanged)
        for _ in range(2):
            await client.submit(program())
        first = await next_of(watching, SubmissionChanged)
        async with aclosing(client.watch(first.id)) as again:
            after = [await next_of(again, SubmissionChanged) for _ in range(5)]
        assert [int(one.id.split("-")[1]) for one in after] == list(range(2, 7))
        for lost in ("other-3", f"{first.id.split('-')[0]}-99", "x"):
            async with aclosing(client.watch(lost)) as new:
                assert await next_of(new, Gap)


async def test_nothing_is_looked_at_or_kept_while_nobody_watches() -> None:
    async with locked_node(asks=False) as node, node.client("nobody") as client:
        await client.submit(program())
        changes = node.submissions.changes
        assert (changes.newest, changes.since(changes.newest), changes.since(0)) == (3, [], None)
        async with aclosing(client.watch()) as events:
            await next_of(events, NodesChanged)
            await client.submit(program())
            assert len(changes.since(3) or []) == 3
        async with asyncio.timeout(DEADLINE_SECONDS):
            while changes.since(3) is not None:  # noqa: ASYNC110  (the node notices in its own time)
                await asyncio.sleep(0.02)


def test_an_event_of_a_later_version_is_passed_over() -> None:
    assert parse_feed_event('{"type": "weather"}') is None
    assert isinstance(parse_feed_event('{"type": "gap"}'), Gap)


async def test_a_watcher_comes_to_an_end_when_the_node_does() -> None:
    async with locked_node(asks=False) as node:
        client = node.client("nobody")
        events = client.watch()
        await next_of(events, NodesChanged)
    with suppress(NodeUnreachable):  # cut off, or ended in good order
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert [event async for event in events] == []
    await client.__aexit__()
