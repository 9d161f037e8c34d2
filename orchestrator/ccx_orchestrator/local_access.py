"""Who may come in at a node on this machine, whether that runs or not: how the first token, and a cluster, begin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ccx.errors import BadInput
from ccx_orchestrator.access.registrar import Registrar
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.settings import Settings, load_settings
from ccx_orchestrator.store.access_records import AccessRecords


@asynccontextmanager
async def local_tokens(node: str | None, *, may_begin: bool) -> AsyncIterator[TokenDesk]:
    """The tokens of the node of that name, or of the one that settings or the state directory name. Where it has no
    store yet it gets one if it `may_begin`. Raises BadInput.
    """
    settings = _settings(node, may_begin=may_begin)
    async with open_access(settings) as records:
        yield TokenDesk(records.tokens)


@asynccontextmanager
async def local_registrar(node: str | None, *, may_begin: bool) -> AsyncIterator[tuple[Registrar, Settings]]:
    """What that node does for the nodes of its cluster, and its settings. As `local_tokens` otherwise."""
    settings = _settings(node, may_begin=may_begin)
    key = settings.secret("cluster_key")
    if settings.database() is not None and key is None:
        raise BadInput(
            "In a shared database the key of the cluster's authority is sealed: set CCX_CLUSTER_KEY_FILE, or"
            " CCX_CLUSTER_KEY, to a long random secret, the same on all masters."
        )
    async with open_access(settings) as records:
        yield Registrar(records.cluster, key, port=settings.cluster_port), settings


@asynccontextmanager
async def open_access(settings: Settings) -> AsyncIterator[AccessRecords]:
    """Who may come in by the store that the settings name. Raises BadInput where that keeps nothing."""
    # Only now: these take a while to import.
    from ccx_orchestrator.store.postgres import open_postgres_access
    from ccx_orchestrator.store.sqlite import open_sqlite_access

    url = settings.database()
    if url == "memory:":
        raise BadInput("This node keeps nothing (database_url is 'memory:'), so it can have no tokens and no cluster.")
    opened = open_sqlite_access(_file(settings)) if url is None else open_postgres_access(url)
    async with opened as records:
        yield records


def _settings(node: str | None, *, may_begin: bool) -> Settings:
    """Of the node that is meant: where none is named and one alone has a store, that. Raises BadInput."""
    settings = load_settings(in_current_directory=True, name=node)
    there = [file.stem for file in sorted(settings.state_dir.glob("*.sqlite"))]
    if settings.database() is not None or settings.name in there:
        return settings
    names = ", ".join(there)
    if node is None and len(there) == 1:
        return settings.model_copy(update={"name": there[0]})
    if node is None and there:
        raise BadInput(f"Several nodes have a store in {settings.state_dir}: {names}. Say which with --node NAME.")
    if not may_begin:
        raise BadInput(
            f"The node {settings.name!r} has no store in {settings.state_dir}"
            f"{f' (there: {names})' if there else ''}. It gets one when it starts, with its first token"
            " ('ccx token create NAME'), or with a cluster ('ccx cluster init')."
        )
    return settings


def _file(settings: Settings) -> Path:
    return settings.state_dir / f"{settings.name}.sqlite"
