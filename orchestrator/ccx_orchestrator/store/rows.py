"""Between rows and the words of the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from ccx.wire import State, Submission, SubmissionRequest, SubmissionSummary, Verdict
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.store.blobs import pack, unpack

MAX_JOURNAL_BYTES = 128 * 1024 * 1024


def row_of(ticket: Ticket, owner: str) -> dict[str, Any]:
    """A new row of `submissions`."""
    request = ticket.request
    return {
        "id": ticket.id,
        "state": State.RUNNING if ticket.attempt else State.QUEUED,
        "owner": owner,
        "attempt": ticket.attempt,
        "priority": request.priority,
        "client": ticket.client,
        "language": request.language,
        "judged_in": " ".join(request.languages()[1:]),
        "callback_url": request.callback_url,
        "interactive": ticket.is_interactive,
        "created_at": ticket.created_at,
    }


def outcome_of(submission: Submission) -> dict[str, Any]:
    """What a result changes in its row; `of` and `at_attempt` name it."""
    return {
        "of": submission.id,
        "at_attempt": submission.attempt,
        "ended_verdict": submission.verdict,
        "ended_message": submission.message,
        "ended_language": submission.language,
        "ended_version": submission.language_version,
        "ended_node": submission.node,
        "ended_started_at": submission.started_at,
        "ended_at": submission.finished_at,
    }


async def request_of(body: bytes) -> SubmissionRequest:
    """A request that was kept."""
    return SubmissionRequest.model_validate_json(await unpack(body))


async def pack_request(request: SubmissionRequest) -> bytes:
    """A request as it is kept."""
    return await pack(request.model_dump_json(exclude_defaults=True).encode())


async def ticket_of(row: Row[Any]) -> Ticket:
    """The ticket of a row of `submissions` with its request's `body`."""
    request = await request_of(row.body)
    return Ticket(
        id=row.id,
        request=request,
        created_at=row.created_at,
        client=row.client,
        attempt=row.attempt,
        is_interactive=row.interactive,
    )


async def result_of(body: bytes) -> Submission:
    """A finished submission as it was kept."""
    return Submission.model_validate_json(await unpack(body))


def unfinished_of(row: Row[Any]) -> Submission:
    """A submission that waits, or runs on another node."""
    created_at: datetime = row.created_at
    return Submission(
        id=row.id, state=State(row.state), language=row.language, attempt=row.attempt, created_at=created_at
    )


def summary_of(row: Row[Any]) -> SubmissionSummary:
    """A line of a list."""
    return SubmissionSummary(
        id=row.id,
        state=State(row.state),
        verdict=None if row.verdict is None else Verdict(row.verdict),
        message=row.message,
        language=row.language,
        language_version=row.language_version,
        node=row.node,
        attempt=row.attempt,
        priority=row.priority,
        client=row.client,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
