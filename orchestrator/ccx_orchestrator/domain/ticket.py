"""An accepted submission as it waits for its result: all that is needed to run it, on this node or another, now or
after a crash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from ccx.wire import State, Submission, SubmissionRequest, Verdict


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's own name for a submission, and what tells its body from another."""

    text: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """`attempt` counts how often it was given to a sandbox: 0 while it has not been, and more than 1 only where a node
    died while it ran. `client` is whom its turn is counted to. An interactive one lives as long as who types to it.
    """

    id: str
    request: SubmissionRequest
    created_at: datetime
    client: str = ""
    attempt: int = 0
    key: IdempotencyKey | None = None
    is_interactive: bool = False


def digest_of(request: SubmissionRequest) -> str:
    """The same for every way of writing down the same request."""
    return hashlib.sha256(request.model_dump_json(exclude_defaults=True).encode()).hexdigest()


def size_of(request: SubmissionRequest) -> int:
    """About how many bytes a request takes while it waits."""
    inputs = len(request.stdin) + sum(len(case.stdin) + len(case.expected_stdout or "") for case in request.cases)
    judges, cases = request.judges(), request.cases
    files = chain(request.files, *(judge.files for judge in judges), *(case.files for case in cases))
    return 1_000 + inputs + sum(len(file.content) for file in files)


def failed(ticket: Ticket, message: str, at: datetime) -> Submission:
    """The result of one that cannot be run, and never was in this attempt."""
    return Submission(
        id=ticket.id,
        state=State.DONE,
        verdict=Verdict.INTERNAL_ERROR,
        message=message,
        language=ticket.request.language,
        attempt=ticket.attempt,
        created_at=ticket.created_at,
        finished_at=max(at, ticket.created_at),
    )
