"""Fixtures that every tier may ask for: the images, and real nodes on the local Docker engine."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ccx.client import Client
from tests.support.node import (
    NodeProcess,
    Runs,
    StartsNodes,
    ccx_command,
    ccx_environment,
    containers_with,
    runs_on,
)
from tests.support.postgres import fresh_database, postgres_server
from tests.support.scheduling import GroupScheduling, rank_of

BUILD_SECONDS = 1_800


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    """Have the workers share tests as `tests.support.scheduling` says."""
    return GroupScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After pytest-randomly: what takes longest first."""
    items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.fixture(scope="session")
def images() -> None:
    """The images of all languages, as `ccx images build` leaves them. Where nothing has changed this builds nothing."""
    subprocess.run(ccx_command("images", "build"), env=ccx_environment(), check=True, timeout=BUILD_SECONDS)


@pytest.fixture(scope="session")
def suite(images: None) -> Iterator[str]:
    """What the names of all nodes of this run begin with. At the very end none of them may have a container left."""
    prefix = f"test-{uuid4().hex[:8]}"
    yield prefix
    left = [container["Names"] for container in containers_with("ccx") if _is_ours(container, prefix)]
    assert left == [], "containers left by the suite"


def _is_ours(container: dict[str, Any], prefix: str) -> bool:
    return str(container["Labels"].get("ccx.owner", "")).startswith(prefix)


@pytest.fixture
def node_name(suite: str) -> str:
    """A name for a node that no other has."""
    return f"{suite}-{uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server's database that is there to make others."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The URL of a fresh database, for this test alone."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
def starts_nodes(suite: str, tmp_path: Path) -> Iterator[StartsNodes]:
    """Starts nodes with settings of their own. Unless they are told to, they start nothing ahead: most tests watch the
    sandboxes of single submissions.
    """
    with ExitStack() as nodes:

        def start(
            name: str | None = None,
            *,
            max_tasks: int = 2,
            languages: str | None = None,
            pool: bool = False,
            **environment: str,
        ) -> NodeProcess:
            environment = {"CCX_POOL": str(pool)} | environment
            arguments = [str(max_tasks), *(["--languages", languages] if languages else [])]
            name = name or f"{suite}-{uuid4().hex[:8]}"
            return nodes.enter_context(NodeProcess(name, tmp_path, *arguments, **environment))

        yield start


@pytest.fixture
def node(starts_nodes: StartsNodes) -> NodeProcess:
    """A node of two slots for this test alone."""
    return starts_nodes()


@pytest.fixture
async def client(node: NodeProcess) -> AsyncIterator[Client]:
    """A client of that node."""
    async with node.client() as client:
        yield client


@pytest.fixture(scope="session")
def session_node(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """One node for all tests that neither need to know nor change its state."""
    with NodeProcess(f"{suite}-session", tmp_path_factory.mktemp("session-node"), "2") as node:
        yield node


@pytest.fixture
async def run(session_node: NodeProcess) -> AsyncIterator[Runs]:
    """Runs a program on the session's node."""
    async with session_node.client() as client:
        yield runs_on(client)
