"""The only door from the client to the orchestrator. Importing this module imports nothing of it: it opens on need."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ccx.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ccx_orchestrator.access.registrar import Registrar
    from ccx_orchestrator.access.token_desk import TokenDesk
    from ccx_orchestrator.settings import Settings

_INSTALL = "in a clone of ccx, install it with: pip install '.[orchestrator]'"


@asynccontextmanager
async def embedded_node() -> AsyncIterator[Path]:
    """A node on the local Docker engine while the context lasts, by its Unix socket. BadInput if not installed."""
    try:
        from ccx_orchestrator import embedded
    except ImportError as error:
        raise BadInput(
            f"No node is named, and this install of ccx cannot start one ({error}): "
            f"name one with --server or CCX_SERVER, or {_INSTALL}"
        ) from error
    async with embedded.embedded_node() as uds:
        yield uds


def command_of_own_node(folder: Path, max_tasks: int | None, idle_seconds: float | None) -> list[str]:
    """What is run for a node in the background. BadInput if not installed."""
    if find_spec("ccx_orchestrator") is None:
        raise _not_installed(ImportError("there is no ccx_orchestrator"))
    words = (folder, "" if max_tasks is None else max_tasks, "" if idle_seconds is None else idle_seconds)
    return [sys.executable, "-m", "ccx_orchestrator.own_node", *map(str, words)]


def serve(
    max_tasks: int | None,
    name: str | None,
    host: str | None,
    port: int | None,
    languages: tuple[str, ...] | None,
    **of_cluster: object,
) -> int:
    """Run a node until told to stop; its exit status. None means the node's settings. BadInput if not installed."""
    try:
        from ccx_orchestrator import __main__ as orchestrator
    except ImportError as error:
        raise _not_installed(error) from error
    return orchestrator.serve(max_tasks, name, host, port, languages, **of_cluster)


@asynccontextmanager
async def local_tokens(node: str | None, *, may_begin: bool = False) -> AsyncIterator[TokenDesk]:
    """The tokens of a node on this machine, whether it runs or not, and if it `may_begin` also where it never has.
    BadInput if not installed.
    """
    try:
        from ccx_orchestrator.local_access import local_tokens
    except ImportError as error:
        raise _not_installed(error) from error
    async with local_tokens(node, may_begin=may_begin) as desk:
        yield desk


@asynccontextmanager
async def local_cluster(node: str | None, *, may_begin: bool = False) -> AsyncIterator[tuple[Registrar, Settings]]:
    """What a master on this machine knows of its cluster, and its settings. As `local_tokens` otherwise."""
    try:
        from ccx_orchestrator.local_access import local_registrar
    except ImportError as error:
        raise _not_installed(error) from error
    async with local_registrar(node, may_begin=may_begin) as found:
        yield found


def build_images(names: list[str], report: Callable[[str], None]) -> None:
    """Build the images of these languages, or of all; `report` gets a line for each step. BadInput if not installed."""
    try:
        from ccx_orchestrator import __main__ as orchestrator
    except ImportError as error:
        raise _not_installed(error) from error
    orchestrator.build_images(names, report)


def examine(report: Callable[[dict[str, str]], None]) -> None:
    """Check this machine; `report` gets the findings one by one. BadInput if not installed."""
    try:
        from ccx_orchestrator import __main__ as orchestrator
    except ImportError as error:
        raise _not_installed(error) from error
    orchestrator.doctor(report)


def _not_installed(error: ImportError) -> BadInput:
    return BadInput(f"This install of ccx is the client alone ({error}); the orchestrator is needed here: {_INSTALL}")
