"""A client that does not give up: it asks until an answer comes, and for page after page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ccx.client import Client
from ccx.errors import NodeUnreachable, UnexpectedAnswer
from ccx.wire import State, Submission, SubmissionRequest

PAUSE_SECONDS = 0.1


async def submit_until_answered(open_client: Callable[[], Client], request: SubmissionRequest, key: str) -> Submission:
    """The result, asked for again with the same key while the node cannot be reached or is cut off."""
    while True:
        try:
            async with open_client() as client:
                return await client.submit(request, key=key)
        except (NodeUnreachable, UnexpectedAnswer):
            await asyncio.sleep(PAUSE_SECONDS)


async def all_ids(client: Client, state: State | None = None) -> list[str]:
    """The ids of all submissions that the node has, or of those in that state."""
    found: list[str] = []
    cursor = None
    while True:
        page = await client.list(cursor=cursor, state=state)
        found += [line.id for line in page.submissions]
        if (cursor := page.next_cursor) is None:
            return found
