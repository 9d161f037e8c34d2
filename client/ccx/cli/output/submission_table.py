"""Submissions as lines of text: one alone, or many in a table. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ccx.cli.output.columns import columns
from ccx.cli.output.harmless import harmless
from ccx.cli.output.verdict_line import verdict_line
from ccx.wire import State

if TYPE_CHECKING:
    from ccx.wire import Submission, SubmissionPage, SubmissionSummary

_HEADERS = ("ID", "STATE", "LANGUAGE", "NODE", "CREATED", "TOOK")
_SHOWN_OF_AN_ID = 8  # its end: the ids of one minute begin alike
_A_DAY = timedelta(days=1)


def shown_id(submission_id: str) -> str:
    """What a table has of an id, and a user may give instead of it."""
    return submission_id[-_SHOWN_OF_AN_ID:]


def status_line(submission: Submission) -> str:
    """How a submission is, in one line."""
    match submission.state:
        case State.QUEUED:
            place = submission.queue_position
            return f"{submission.id} queued" + ("" if place is None else f", number {place}")
        case State.RUNNING:
            return f"{submission.id} running" + ("" if submission.node is None else f" on {harmless(submission.node)}")
        case State.DONE:
            return f"{submission.id} {verdict_line(submission).removeprefix('ccx: ')}"


def table(page: SubmissionPage) -> str:
    """One line each, under a line of headers; columns are parted by two blanks. It fits 60 columns as long as the names
    of nodes are short. Of an id there is the end: `--json` has all of it.
    """
    now = datetime.now(UTC)
    return columns([_HEADERS, *(_row(submission, now) for submission in page.submissions)])


def _row(submission: SubmissionSummary, now: datetime) -> tuple[str, ...]:
    took = ""
    if submission.started_at and submission.finished_at:
        took = f"{(submission.finished_at - submission.started_at).total_seconds():.2f} s"
    return (
        shown_id(submission.id),
        submission.verdict or submission.state,
        harmless(submission.language),
        harmless(submission.node or ""),
        _when(submission.created_at.astimezone(), now),
        took,
    )


def _when(at: datetime, now: datetime) -> str:
    """The time, of what is older than a day the date."""
    return at.strftime("%H:%M:%S" if abs(now - at) < _A_DAY else "%y-%m-%d")
