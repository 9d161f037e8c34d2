"""A node that asks for tokens, with one of every kind, and no engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
from fastapi import FastAPI

from ccx.client import Client
from ccx.wire import NodeRole, Quota, Role, TokenRequest
from ccx_orchestrator.access.doorkeeper import Anonymous, Doorkeeper
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.access.tokens import make_token
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.node_port import NodePort
from ccx_orchestrator.dashboard.page import open_page
from ccx_orchestrator.doors import open_doors
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.membership.node_tls import ANY_NODE
from ccx_orchestrator.serving import serving
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.store.memory_tokens import MemoryTokens
from ccx_orchestrator.submissions.clock import utc_now
from ccx_orchestrator.submissions.service import Submissions
from tests.support.fakes import FakeCatalogue, FakeExecutor
from tests.support.membership import joined, new_cluster, of_master
from tests.support.puppet_node import listen_anywhere
from tests.support.service import cluster_over, submissions_over

NODES = {"slave": NodeRole.SLAVE, "master": NodeRole.MASTER}


@dataclass(frozen=True)
class Locked:
    """A node that asks for tokens, with one of every kind."""

    url: str
    app: FastAPI
    submissions: Submissions
    desk: TokenDesk
    headers: dict[str, dict[str, str]]
    node_url: str
    nodes: dict[str, Member]

    def client(self, caller: str) -> Client:
        if caller in self.nodes:
            return Client(self.node_url, tls=self.nodes[caller].for_calling(ANY_NODE))
        return Client(self.url, headers=self.headers[caller])

    def http(self, caller: str) -> httpx2.AsyncClient:
        if caller in self.nodes:
            return httpx2.AsyncClient(base_url=self.node_url, verify=self.nodes[caller].for_calling(ANY_NODE))
        return httpx2.AsyncClient(base_url=self.url, headers=self.headers[caller])


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
    }
    submissions = submissions_over(MemoryStore(), FakeExecutor(), 2)
    with TemporaryDirectory(prefix="ccx-nodes-") as folder:
        registrar = await new_cluster()
        me = await of_master(registrar, Path(folder) / "locked", "locked")
        nodes = {name: await joined(registrar, Path(folder) / name, name, role) for name, role in NODES.items()}
        doorkeeper = Doorkeeper(tokens if asks else None, anonymous, public, me.is_revoked)
        node = Node(
            "locked",
            submissions,
            FakeCatalogue(),
            1 << 20,
            lambda: b"",
            cluster=cluster_over(submissions, "locked"),
            doorkeeper=doorkeeper,
            desk=desk,
            registrar=registrar,
        )
        app = create_app(node)
        listening, url = listen_anywhere()
        for_nodes, node_url = listen_anywhere()
        async with (
            open_doors(app, node, ("jobe", "judge0", "mcp", "piston")),
            serving(app, listening),
            serving(NodePort(app), for_nodes, tls=me.for_callers()),
        ):
            open_page(app)
            try:
                yield Locked(url, app, submissions, desk, headers, node_url.replace("http:", "https:"), nodes)
            finally:
                await submissions.drain(0)
