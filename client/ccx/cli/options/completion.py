"""What the shell may complete: languages and ids from the node that CCX_SERVER names, limits by themselves.

A shell waits for it at every key, so a node that is slow, or not there, completes nothing.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from ccx.cli.options.limit_option import OPTION_NAMES
from ccx.errors import CcxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ccx.client import Client

PATIENCE_SECONDS = 1.0
MOST_IDS = 20


def languages(incomplete: str) -> list[str]:
    """Names and aliases that begin so."""
    return [name for name in _ask(_languages) if name.startswith(incomplete)]


def ids(incomplete: str) -> list[str]:
    """The newest ids that begin so."""
    return [each for each in _ask(_ids) if each.startswith(incomplete)]


def limits(incomplete: str) -> list[str]:
    """`cpu=2,mem` becomes `cpu=2,memory=`."""
    before, comma, name = incomplete.rpartition(",")
    return [f"{before}{comma}{limit}=" for limit in OPTION_NAMES if limit.startswith(name)]


async def _languages(client: Client) -> list[str]:
    return [name for language in await client.languages() for name in (language.name, *language.aliases)]


async def _ids(client: Client) -> list[str]:
    return [submission.id for submission in (await client.list(limit=MOST_IDS)).submissions]


def _ask(question: Callable[[Client], Awaitable[list[str]]]) -> list[str]:
    from ccx.cli.options.server import client_of

    async def ask(server: str) -> list[str]:
        async with asyncio.timeout(PATIENCE_SECONDS), client_of(server) as client:
            return await question(client)

    server = os.environ.get("CCX_SERVER")
    try:
        return asyncio.run(ask(server)) if server else []
    except (CcxError, TimeoutError):
        return []
