"""What an agent asks of this node itself, as the caller that the door has found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request

from ccx.events import Event, parse_event
from ccx.wire import LanguageInfo, Submission, SubmissionRequest
from ccx_orchestrator.api.node import Node


class Caller:
    """See `ccx.agents.AgentsNode`. `request` is the one that the call came with."""

    def __init__(self, node: Node, request: Request) -> None:
        self._node = node
        self._request = request

    async def run_stream(self, request: SubmissionRequest) -> AsyncGenerator[Event]:
        """Run a program, and tell its events."""
        submissions = self._node.submissions
        accepted = await self._node.accept(self._request, request, is_attended=True)
        try:
            journal = await submissions.event_stream.journal(accepted.id)
            async with aclosing(submissions.event_stream.lines(accepted.id, journal, None)) as batches:
                async for batch in batches:
                    for line in batch:
                        if event := parse_event(line.document):
                            yield event
        finally:
            await asyncio.shield(submissions.cancel(accepted.id))  # one that has ended stays as it is

    async def languages(self) -> tuple[LanguageInfo, ...]:
        """Which there are."""
        return self._node.catalogue.all()

    async def submission(self, submission_id: str) -> Submission:
        """As it now stands."""
        await self._node.check_owner(self._request, submission_id)
        return await self._node.submissions.get(submission_id)

    async def cancel(self, submission_id: str) -> Submission:
        """End it."""
        await self._node.check_owner(self._request, submission_id)
        return await self._node.submissions.cancel(submission_id)
