"""A slave tells masters that it is there, for as long as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog

from ccx.errors import CcxError
from ccx.wire import Announcement
from ccx_orchestrator.background import background
from ccx_orchestrator.membership.node_tls import A_MASTER
from ccx_orchestrator.slave_link.link import NodeIdentity

log = structlog.get_logger(__name__)

EVERY_SECONDS = 3.0
ANSWER_SECONDS = 3.0


@asynccontextmanager
async def announcing(
    name: str, announcement: Announcement, masters: Iterable[str], identity: NodeIdentity
) -> AsyncIterator[None]:
    """Tell these masters every few seconds, and take leave of them at the end."""
    async with AsyncExitStack() as tasks:
        for master in masters:
            work = _announce(name, announcement, master, identity)
            await tasks.enter_async_context(background(work, f"announcing to {master}"))
        yield


async def _announce(name: str, announcement: Announcement, master: str, identity: NodeIdentity) -> None:
    is_known = False
    async with identity.client(master, identity.tls(A_MASTER)) as client:
        try:
            while True:
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await client.announce(name, announcement)
                except (CcxError, TimeoutError) as error:
                    if is_known or not isinstance(error, TimeoutError):
                        log.warning("a master does not answer", master=master, reason=str(error) or "no answer in time")
                    is_known = False
                else:
                    if not is_known:
                        log.info("joined", master=master)
                    is_known = True
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            # A master that is not told finds out by itself.
            with suppress(CcxError, TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await client.withdraw(name)
