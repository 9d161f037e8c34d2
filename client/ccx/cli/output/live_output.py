"""A submission followed from its events: its output passed through as it comes, its progress told meanwhile."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccx.errors import NodeUnreachable, UnexpectedAnswer
from ccx.events import Done, Output, Queued, Started

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ccx.cli.output.presentation import Passage
    from ccx.cli.output.progress import Progress
    from ccx.client import Client
    from ccx.events import Event
    from ccx.wire import Submission


async def follow(
    client: Client, events: AsyncGenerator[Event], passage: Passage | None, progress: Progress
) -> Submission:
    """Follow to the end; the submission that has ended. Without a passage its output is not shown. Raises
    NodeUnreachable, with its id, where its node is lost meanwhile.
    """
    told = _Told()
    try:
        return await _follow(client, events, passage, progress, told)
    except NodeUnreachable as error:
        if not told.submission_id:
            raise
        raise lost(told.submission_id) from error


def lost(submission_id: str) -> NodeUnreachable:
    """A node that was lost over a submission, told by what can be done."""
    return NodeUnreachable(
        f"The connection to the node was lost over submission {submission_id}; "
        f"'ccx status {submission_id}' tells what became of it, once a node answers."
    )


@dataclass
class _Told:
    """What is known of a submission so far."""

    submission_id: str = ""


async def _follow(
    client: Client, events: AsyncGenerator[Event], passage: Passage | None, progress: Progress, told: _Told
) -> Submission:
    async with aclosing(events):
        async for event in events:
            match event:
                case Queued():
                    told.submission_id = event.submission_id
                    progress.waiting(event.position)
                    if event.id is not None and passage is not None:
                        passage.begin()
                case Started():
                    progress.running()
                case Output() if passage is not None:
                    progress.clear()
                    passage.write(event)
                case Done():
                    progress.clear()
                    return event.submission or await client.submission(told.submission_id)
                case _:
                    pass
    raise UnexpectedAnswer("The node ended the stream of events before the submission had ended.")
