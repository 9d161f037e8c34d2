"""The tokens of a node on this machine, whether it runs or not: how the first one comes into being."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ccx.errors import BadInput
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.settings import Settings, load_settings


@asynccontextmanager
async def local_tokens(node: str | None) -> AsyncIterator[TokenDesk]:
    """Of the node of that name, or of the one that settings or the state directory name. Raises BadInput."""
    from ccx_orchestrator.store.postgres import open_postgres_tokens
    from ccx_orchestrator.store.sqlite import open_sqlite_tokens

    settings = load_settings(in_current_directory=True, name=node)
    url = settings.database()
    if url == "memory:":
        raise BadInput("This node keeps nothing (database_url is 'memory:'), so it can have no tokens.")
    if url is not None:
        async with open_postgres_tokens(url) as tokens:
            yield TokenDesk(tokens)
        return
    async with open_sqlite_tokens(_file(settings, is_named=node is not None)) as tokens:
        yield TokenDesk(tokens)


def _file(settings: Settings, *, is_named: bool) -> Path:
    """The store of the node that is meant: where none is named and there is one alone, that."""
    path = settings.state_dir / f"{settings.name}.sqlite"
    others = sorted(settings.state_dir.glob("*.sqlite"))
    if path in others or is_named or not others:
        return path
    if len(others) == 1:
        return others[0]
    names = ", ".join(other.stem for other in others)
    raise BadInput(f"Several nodes have a store in {settings.state_dir}: {names}. Say which with --node NAME.")
