"""Who may do what: every address of a node by every kind of caller, against the table that readers have."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.routing import Mount, WebSocketRoute
from structlog.testing import CapturingLogger

from ccx.client import Client
from ccx.errors import Forbidden, QuotaExceeded, SubmissionNotFound, Unauthenticated
from ccx.interactive import open_session
from ccx.wire import FORWARDED_HEADER, Quota, State, TokenRequest, Verdict
from ccx_orchestrator.access.doorkeeper import Anonymous
from ccx_orchestrator.access.rights import ROWS, Right, right_for
from ccx_orchestrator.access.tokens import make_token
from tests.support.fakes import HANG, HELLO
from tests.support.locked_node import NODES, Locked, bearer, locked_node
from tests.support.node import eventually
from tests.support.puppet_node import program

TABLE = Path(__file__).parents[2] / "docs/access.md"
CALLERS = ("nobody", "wrong token", "expired token", "user", "other user", "operator", "admin", *NODES)
UNKNOWN = "0" * 32


@pytest.fixture
async def locked() -> AsyncIterator[Locked]:
    async with locked_node() as node:
        yield node


# The table


def rows_of_readers() -> dict[tuple[str, str], str]:
    """Method and path to right, as docs/access.md has them."""
    found = {}
    for line in TABLE.read_text().splitlines():
        if match := re.fullmatch(r"\| `([A-Z ]+)` `(/\S*)` \| (\w+) \|", line):
            for method in match[1].split():
                found[method, match[2]] = match[3]
    return found


def routes_of(routes: list[Any]) -> list[Any]:
    """All routes, those of routers that were included with them."""
    return [
        one
        for route in routes
        for one in (routes_of(route.original_router.routes) if hasattr(route, "original_router") else [route])
    ]


def addresses_of(app: FastAPI) -> set[tuple[str, str]]:
    """Every method and path that the node answers at."""
    found = set()
    for route in routes_of(app.routes):
        if isinstance(route, WebSocketRoute):
            found.add(("WEBSOCKET", route.path))
        elif isinstance(route, Mount):
            found.add(("GET", f"{route.path}/{{path:path}}"))
        else:
            found |= {(method, route.path) for method in route.methods - {"HEAD"}}
    return found


def test_readers_have_the_table_that_the_node_goes_by() -> None:
    rows = {(method, row.path): row.right.value for row in ROWS for method in row.methods.split()}
    assert rows_of_readers() == rows


async def test_every_address_has_a_row(locked: Locked) -> None:
    without = [
        (method, path)
        for method, path in addresses_of(locked.app)
        if not any(row.matches(method, path.rstrip("/") or "/") for row in ROWS)
    ]
    assert without == []


async def test_every_row_has_an_address(locked: Locked) -> None:
    addresses = addresses_of(locked.app)
    unused = [
        row for row in ROWS if not any(row.matches(method, path.rstrip("/") or "/") for method, path in addresses)
    ]
    assert unused == []


def expected(right: Right, caller: str) -> int | None:
    """The status of a refusal, None where it is let in."""
    if right is Right.OPEN and caller in {"nobody", "wrong token", "expired token"}:
        return None if caller == "nobody" else 401
    if caller in {"nobody", "wrong token", "expired token"}:
        return 403 if right in {Right.CLUSTER, Right.NODE} and caller == "nobody" else 401
    may = {
        "user": {Right.OPEN, Right.READ, Right.RUN},
        "other user": {Right.OPEN, Right.READ, Right.RUN},
        "operator": {Right.OPEN, Right.READ, Right.RUN, Right.OVERSEE, Right.OPERATE},
        "admin": {Right.OPEN, Right.READ, Right.RUN, Right.OVERSEE, Right.OPERATE, Right.ADMINISTER},
        "slave": {Right.OPEN, Right.NODE},
        "master": {Right.OPEN, Right.READ, Right.RUN, Right.OVERSEE, Right.OPERATE, Right.NODE, Right.CLUSTER},
    }[caller]
    return None if right in may else 403


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_address_by_every_caller(locked: Locked, caller: str) -> None:
    async with locked.http(caller) as http:
        for method, template in sorted(addresses_of(locked.app)):
            if method == "WEBSOCKET" or template in {"/v1/nodes/{name}/usage", "/v1/events"}:
                continue
            path = re.sub(r"\{submission_id\}", UNKNOWN, re.sub(r"\{path:path\}", "x", template))
            path = re.sub(r"\{\w+\}", caller if caller in NODES else "nobody", path)
            wanted = expected(right_for(method, path, ("docs",)), caller)
            answer = await http.request(method, path, content=b"{}", headers={"content-type": "application/json"})
            got = answer.status_code
            slug = answer.json().get("type", "") if "problem" in answer.headers.get("content-type", "") else ""
            is_refused = slug.removeprefix("urn:ccx:problem:") in {"unauthenticated", "forbidden", "not-of-the-cluster"}
            # Signing in needs a token within the request, whoever asks; joining is for another port.
            if wanted is None:
                elsewhere = {"/v1/session", "/v1/cluster/join", "/v1/cluster/authorities"}
                assert not is_refused or path in elsewhere, (method, path, got, slug)
            elif got != 429:  # so many wrong ones came from here
                assert got == wanted, (method, path, slug)


@pytest.mark.parametrize("caller", ["nobody", "wrong token", "user"])
async def test_a_socket_by_a_stranger_and_by_a_user(locked: Locked, caller: str) -> None:
    address = locked.url.replace("http", "ws") + "/v1/interactive"
    async with open_session(address, None, program(), None, locked.headers[caller]) as session:
        if caller == "user":
            assert [event.type async for event in session.events()][-1] == "done"
        else:
            with pytest.raises(Unauthenticated):
                [event async for event in session.events()]


# Ownership


async def test_what_is_anothers_is_not_there(locked: Locked) -> None:
    async with (
        locked.client("user") as mine,
        locked.client("other user") as theirs,
        locked.client("operator") as all_of,
    ):
        submission = await mine.submit(program())
        for attempt in (theirs.submission, theirs.cancel):
            with pytest.raises(SubmissionNotFound):
                await attempt(submission.id)
        with pytest.raises(SubmissionNotFound):
            [event async for event in theirs.events(submission.id)]
        assert [line.id for line in (await theirs.list()).submissions] == []
        for client in (mine, all_of):
            assert (await client.submission(submission.id)).id == submission.id
            assert [line.id for line in (await client.list()).submissions] == [submission.id]
        assert (await mine.list()).submissions[0].client == "key user"


async def test_the_refusal_is_the_same_whether_it_is_there_or_not(locked: Locked) -> None:
    async with locked.client("user") as mine, locked.http("other user") as http:
        there = (await mine.submit(program())).id
        answers = [await http.get(f"/v1/submissions/{which}") for which in (there, UNKNOWN)]
    assert [answer.status_code for answer in answers] == [404, 404]
    texts = [answer.text.replace(there, "ID").replace(UNKNOWN, "ID") for answer in answers]
    assert texts[0] == texts[1]


async def test_an_idempotency_key_is_its_owners(locked: Locked) -> None:
    async with locked.client("user") as mine, locked.client("other user") as theirs:
        ids = {(await client.submit(program(), key="k")).id for client in (mine, mine, theirs)}
    assert len(ids) == 2


async def test_a_rotated_token_keeps_its_submissions_and_the_old_one_ends(locked: Locked) -> None:
    async with locked.client("admin") as admin, locked.client("user") as before:
        submission = await before.submit(program())
        new = await admin.rotate_token("user")
        assert new.token.endswith(new.hint)
        async with Client(locked.url, token=new.token) as after:
            assert (await after.submission(submission.id)).id == submission.id
            assert (await after.who_am_i()).name == "user"


async def test_tokens_are_listed_without_themselves(locked: Locked) -> None:
    async with locked.http("admin") as http:
        answer = await http.get("/v1/tokens")
    assert [one["name"] for one in answer.json()] == ["admin", "old", "operator", "other-user", "user"]
    assert "ccx_" not in answer.text


async def test_a_revoked_token_ends_within_seconds(locked: Locked) -> None:
    made = await locked.desk.create(TokenRequest(name="short"))
    async with locked.client("admin") as admin, Client(locked.url, token=made.token) as client:
        await admin.revoke_token("short")
        with pytest.raises(Unauthenticated, match="was revoked"):
            await client.who_am_i()


# What a caller without a token may do


@pytest.mark.parametrize(
    ("anonymous", "reads", "runs"), [("none", False, False), ("read", True, False), ("user", True, True)]
)
async def test_what_nobody_may_do_is_the_operators_choice(anonymous: Anonymous, reads: bool, runs: bool) -> None:
    async with locked_node(anonymous) as node, node.client("nobody") as client:
        for is_allowed, attempt in ((reads, client.languages()), (runs, client.submit(program()))):
            if is_allowed:
                await attempt
            else:
                with pytest.raises(Unauthenticated):
                    await attempt
        with pytest.raises(Unauthenticated):
            await client.tokens()


async def test_where_nobody_is_asked_all_is_open_but_what_needs_the_clusters_token() -> None:
    async with locked_node(asks=False) as node, node.http("nobody") as http, node.client("nobody") as client:
        submission = await client.submit(program())
        assert (await client.list()).submissions[0].id == submission.id
        assert (await http.get("/metrics")).status_code == 200
        assert (await http.post("/v1/nodes/locked/drain")).status_code == 403
        identity = await client.who_am_i()
        assert (identity.asks_for_tokens, identity.name, identity.role) == (False, None, "anonymous")
        with pytest.raises(Forbidden, match="--access"):
            await client.tokens()


async def test_counters_and_documentation_are_public_where_the_setting_says_so() -> None:
    async with locked_node(public=("metrics",)) as node, node.http("nobody") as http:
        statuses = [(await http.get(path)).status_code for path in ("/metrics", "/docs", "/openapi.json")]
    assert statuses == [200, 401, 401]


async def test_who_says_that_it_sends_something_on_must_be_of_the_cluster(locked: Locked) -> None:
    async with httpx2.AsyncClient(
        base_url=locked.url, headers=locked.headers["admin"] | {FORWARDED_HEADER: "me"}
    ) as http:
        answer = await http.get("/v1/languages")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:ccx:problem:not-of-the-cluster")


# Tokens in other places


@pytest.mark.parametrize("form", ["Bearer {}", "bearer  {}", "{}"])
async def test_a_token_is_taken_from_authorization(locked: Locked, form: str) -> None:
    token = locked.headers["user"]["Authorization"].split()[1]
    async with httpx2.AsyncClient(base_url=locked.url, headers={"Authorization": form.format(token)}) as http:
        assert (await http.get("/v1/whoami")).json()["name"] == "user"


@pytest.mark.parametrize("header", ["X-API-Key", "X-Auth-Token"])
async def test_clients_of_other_systems_have_headers_of_their_own(locked: Locked, header: str) -> None:
    token = locked.headers["user"]["Authorization"].split()[1]
    async with httpx2.AsyncClient(base_url=locked.url, headers={header: token}) as http:
        assert (await http.get("/api/v2/runtimes")).status_code == 200
    async with httpx2.AsyncClient(base_url=locked.url, headers={header: "a key of theirs"}) as http:
        assert (await http.get("/api/v2/runtimes")).status_code == 401


async def test_what_a_proxy_asks_for_is_not_taken_for_a_token(locked: Locked) -> None:
    async with httpx2.AsyncClient(base_url=locked.url, auth=("name", "password")) as http:
        assert (await http.get("/v1/whoami")).json()["role"] == "anonymous"


async def test_a_browser_signs_in_once_and_out(locked: Locked) -> None:
    token = locked.headers["user"]["Authorization"].split()[1]
    async with locked.http("nobody") as http:
        assert (await http.post("/v1/session", json={"token": make_token()})).status_code == 401
        answer = await http.post("/v1/session", json={"token": f" {token}\n"})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("ccx-locked=")
        assert {"HttpOnly", "SameSite=strict", "Max-Age=43200"} <= set(cookie.split("; "))
        assert (await http.get("/v1/whoami")).json()["name"] == "user"
        foreign = await http.post("/v1/submissions", json={}, headers={"Origin": "http://127.0.0.1:1"})
        assert (foreign.status_code, foreign.json()["type"]) == (403, "urn:ccx:problem:foreign-origin")
        await http.delete("/v1/session")
        assert (await http.get("/v1/whoami")).json()["name"] is None


# Wrong ones


async def test_a_mistyped_token_is_told_from_an_unknown_one(locked: Locked) -> None:
    async with httpx2.AsyncClient(base_url=locked.url) as http:
        told = [
            (await http.get("/v1/whoami", headers=bearer(token))).json()["detail"]
            for token in ("ccx_short", make_token())
        ]
        assert told == ["The token is mistyped or cut off.", "The token is none of this node's, or was revoked."]
        answer = await http.get("/v1/languages")
    assert answer.headers["www-authenticate"] == 'Bearer realm="ccx"'


async def test_who_tries_wrong_ones_again_and_again_is_refused_but_right_ones_are_taken(locked: Locked) -> None:
    async with locked.http("user") as right, locked.http("nobody") as http:
        statuses = [(await http.get("/v1/whoami", headers=bearer(make_token()))).status_code for _ in range(25)]
        assert (statuses[0], statuses[-1]) == (401, 429)
        assert (await right.get("/v1/whoami")).status_code == 200


# Quotas, and what is noted


async def test_a_quota_is_told_and_kept_to() -> None:
    async with locked_node(quota=Quota(per_minute=1)) as node, node.http("user") as http:
        body = json.loads(program().model_dump_json(exclude_defaults=True))
        first, second = [await http.post("/v1/submissions", json=body) for _ in range(2)]
        other = await http.post("/v1/submissions", json=body, headers=node.headers["other user"])
    assert (first.status_code, second.status_code, other.status_code) == (200, 429, 200)
    assert first.headers["ratelimit-policy"] == '"per-minute";q=1;w=60'
    assert second.json()["type"] == "urn:ccx:problem:quota-exceeded"
    assert int(second.headers["retry-after"]) > 0


async def test_acts_of_operators_and_admins_and_refusals_are_noted(
    locked: Locked, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = CapturingLogger()
    monkeypatch.setattr("ccx_orchestrator.api.guards.audit", noted)
    async with locked.client("admin") as admin, locked.http("user") as user, locked.http("operator") as operator:
        await admin.create_token(TokenRequest(name="new"))
        await user.post("/v1/nodes/locked/drain")
        await operator.post("/v1/nodes/locked/drain")
        await operator.delete("/v1/nodes/locked/drain")
        await user.get("/v1/languages")
    assert [(call.kwargs["who"], call.kwargs["what"], call.kwargs["outcome"]) for call in noted.calls] == [
        ("admin", "POST /v1/tokens", 201),
        (None, "POST /v1/nodes/locked/drain", "forbidden"),
        ("operator", "POST /v1/nodes/locked/drain", 200),
        ("operator", "DELETE /v1/nodes/locked/drain", 200),
    ]
    assert "ccx_" not in str(noted.calls)


async def test_who_may_have_one_that_runs_has_the_others_wait_though_slots_are_free() -> None:
    async with (
        locked_node(quota=Quota(running=1, queued=1)) as node,
        node.client("user") as mine,
        node.client("other user") as theirs,
    ):
        first, second = [await mine.submit(program(HANG), wait=False) for _ in range(2)]
        assert [(await mine.submission(one.id)).queue_position for one in (first, second)] == [None, 1]
        with pytest.raises(QuotaExceeded, match="1 submissions that wait"):
            await mine.submit(program(HANG), wait=False)
        assert (await theirs.submit(program(HELLO))).verdict is Verdict.OK
        await mine.cancel(first.id)

        async def runs() -> bool:
            return (await mine.submission(second.id)).state is State.RUNNING

        await eventually(runs, "the next one runs when the first has gone")
        await mine.cancel(second.id)
