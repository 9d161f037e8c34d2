"""What can be known of submissions that this node has not: from the store, and from the node that has them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import structlog

from ccx import events as wire
from ccx.errors import SubmissionNotFound
from ccx.wire import State, Submission, SubmissionRequest
from ccx_orchestrator.ports.nodes import NodeLost, Peers
from ccx_orchestrator.ports.store import Keeper
from ccx_orchestrator.submissions.events import journal_codec
from ccx_orchestrator.submissions.events.journal import EventId, Journal

log = structlog.get_logger(__name__)


class Lookup:
    """Looks in `store`, which other nodes may share, and in `passing`, which keeps what a master has sent. Its methods
    raise StoreUnavailable besides.
    """

    def __init__(self, store: Keeper, passing: Keeper, peers: Peers) -> None:
        self._store = store
        self._passing = passing
        self._peers = peers

    async def kept(self, submission_id: str) -> Submission:
        """A submission as it is kept. Raises SubmissionNotFound."""
        if (kept := await self._store.get(submission_id) or await self._passing.get(submission_id)) is None:
            raise SubmissionNotFound(f"There is no submission {submission_id!r} here, or no longer.")
        return kept

    async def request(self, submission_id: str) -> SubmissionRequest:
        """What was asked for. Raises SubmissionNotFound."""
        kept = await self._store.request(submission_id) or await self._passing.request(submission_id)
        if kept is None:
            raise SubmissionNotFound(f"There is no submission {submission_id!r} here, or no longer.")
        return kept

    async def journal(self, submission_id: str) -> Journal:
        """All that was told of one that has ended; an abandoned journal where it has not. Raises SubmissionNotFound."""
        kept = await self.kept(submission_id)
        if kept.state is not State.DONE:
            return Journal(kept.attempt, is_complete=True)
        data = await self._store.journal(submission_id) or await self._passing.journal(submission_id)
        return await journal_codec.from_bytes(data, kept) if data else journal_codec.of_result_alone(kept)

    async def url(self, submission_id: str) -> str | None:
        """Where the other node is reached that has it; None where there is none to be asked."""
        return await self._store.whereabouts(submission_id)

    async def view(self, submission_id: str) -> Submission:
        """A submission as the node sees it that has it; where that cannot be asked, as it is kept. Raises
        SubmissionNotFound.
        """
        kept = await self.kept(submission_id)
        if kept.state is State.DONE or (url := await self.url(submission_id)) is None:
            return kept
        try:
            return await self._peers.submission(url, submission_id)
        except NodeLost as error:
            log.debug("cannot ask the node that has a submission", submission=submission_id, reason=str(error))
            return kept

    def events(self, url: str, submission_id: str, after: EventId | None) -> AsyncGenerator[wire.Event]:
        """What that node tells after that place. Raises NodeLost."""
        return self._peers.events(url, submission_id, None if after is None else str(after))
