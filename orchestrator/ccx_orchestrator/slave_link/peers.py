"""The masters that share this one's store, asked for what only they know of a submission."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from time import monotonic

import structlog

from ccx import events as wire
from ccx.client import Client
from ccx.errors import CcxError, NodeUnreachable
from ccx.wire import Submission
from ccx_orchestrator.membership.node_tls import A_MASTER
from ccx_orchestrator.ports.nodes import NodeLost
from ccx_orchestrator.slave_link.link import NodeIdentity

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 2.0
# For so long one that did not answer is not asked how a submission is: whoever looks should not wait for it each time.
SILENT_SECONDS = 5.0


class PeerLink:
    """See `ports.Peers`. A connection is of one question: masters come and go, and this need not know them."""

    def __init__(self, identity: NodeIdentity, clock: Callable[[], float] = monotonic) -> None:
        self._identity = identity
        self._clock = clock
        self._silent_until: dict[str, float] = {}

    async def submission(self, url: str, submission_id: str) -> Submission:
        """See `ports.Peers`."""
        if self._clock() < self._silent_until.get(url, 0.0):
            raise NodeLost("it did not answer a moment ago")
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._client(url) as client:
                return await client.submission(submission_id)
        except (NodeUnreachable, TimeoutError) as error:
            reason = str(error) or f"it did not answer within {ANSWER_SECONDS:g} s"
            self._note_silence(url, reason)
            raise NodeLost(reason) from error
        except CcxError as error:
            raise NodeLost(str(error)) from error

    async def events(self, url: str, submission_id: str, after: str | None) -> AsyncGenerator[wire.Event]:
        """See `ports.Peers`."""
        has_told = False
        try:
            async with (
                self._client(url) as client,
                # Where it breaks off, it may be another that goes on: the caller looks.
                aclosing(client.events(submission_id, after, resume_seconds=0)) as events,
            ):
                async for event in events:
                    has_told = True
                    yield event
        except CcxError as error:
            if isinstance(error, NodeUnreachable) and not has_told:
                self._note_silence(url, str(error))
            raise NodeLost(str(error)) from error

    def _client(self, url: str) -> Client:
        return self._identity.client(url, self._identity.tls(A_MASTER))

    def _note_silence(self, url: str, reason: str) -> None:
        log.warning("another master cannot be asked; what it has is known when it has ended", url=url, reason=reason)
        now = self._clock()
        self._silent_until = {other: until for other, until in self._silent_until.items() if until > now}
        self._silent_until[url] = now + SILENT_SECONDS
