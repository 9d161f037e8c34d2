"""A node that asks for tokens, with one of every kind, and no engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

import httpx2
from fastapi import FastAPI

from ccx.client import Client
from ccx.errors import NodeNotFound
from ccx.wire import FORWARDED_HEADER, TOKEN_HEADER, Quota, Role, TokenRequest
from ccx_orchestrator.access.doorkeeper import Anonymous, Doorkeeper
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.access.tokens import make_token
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.cluster.overview import Cluster, ThisNode
from ccx_orchestrator.dashboard.page import open_page
from ccx_orchestrator.doors import open_doors
from ccx_orchestrator.machine import LocalMachine
from ccx_orchestrator.serving import serving
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.store.memory_tokens import MemoryTokens
from ccx_orchestrator.submissions.clock import utc_now
from ccx_orchestrator.submissions.service import Submissions
from tests.support.fakes import FakeCatalogue, FakeExecutor
from tests.support.puppet_node import listen_anywhere
from tests.support.service import submissions_over

CLUSTER_TOKEN = "of the cluster"


@dataclass(frozen=True)
class Locked:
    """A node that asks for tokens, with one of every kind."""

    url: str
    app: FastAPI
    submissions: Submissions
    desk: TokenDesk
    headers: dict[str, dict[str, str]]

    def client(self, caller: str) -> Client:
        return Client(self.url, headers=self.headers[caller])

    def http(self, caller: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.url, headers=self.headers[caller])


class NoRoster:
    """Of a node alone."""

    def members(self) -> tuple[()]:
        return ()

    def find(self, name: str) -> NoReturn:
        raise NodeNotFound(f"There is no node {name!r} here.")

    def withdrawn(self, name: str) -> NoReturn:
        self.find(name)

    def announced(self, name: str, url: str) -> NoReturn:
        raise NodeNotFound(f"The node {name!r} at {url} is not taken in here.")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def locked_node(
    anonymous: Anonymous = "none", *, quota: Quota | None = None, asks: bool = True, public: tuple[str, ...] = ("docs",)
) -> AsyncIterator[Locked]:
    tokens = MemoryTokens()
    desk = TokenDesk(tokens)
    made = {
        name: await desk.create(TokenRequest(name=name.replace(" ", "-"), role=role, quota=quota or Quota()))
        for name, role in (
            ("user", Role.USER),
            ("other user", Role.USER),
            ("operator", Role.OPERATOR),
            ("admin", Role.ADMIN),
        )
    }
    long_ago = TokenDesk(tokens, lambda: utc_now().replace(year=2020))
    old = await long_ago.create(TokenRequest(name="old", role=Role.ADMIN, expires_seconds=1))
    headers = {name: bearer(one.token) for name, one in made.items()} | {
        "nobody": {},
        "wrong token": bearer(make_token()),
        "expired token": bearer(old.token),
        "node": {FORWARDED_HEADER: "a master", TOKEN_HEADER: CLUSTER_TOKEN},
    }
    submissions = submissions_over(MemoryStore(), FakeExecutor(), 2)
    cluster = Cluster(
        ThisNode("locked", "1", utc_now()),
        submissions,
        FakeCatalogue(),
        submissions._active._placement,  # type: ignore[arg-type]
        NoRoster(),  # type: ignore[arg-type]
        LocalMachine(),
    )
    doorkeeper = Doorkeeper(CLUSTER_TOKEN, tokens if asks else None, anonymous, public)
    node = Node(
        "locked", submissions, FakeCatalogue(), 1 << 20, lambda: b"", cluster=cluster, doorkeeper=doorkeeper, desk=desk
    )
    app = create_app(node)
    listening, url = listen_anywhere()
    async with open_doors(app, node, ("jobe", "judge0", "mcp", "piston")), serving(app, listening):
        open_page(app)
        try:
            yield Locked(url, app, submissions, desk, headers)
        finally:
            await submissions.drain(0)
