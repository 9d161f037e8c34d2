"""A submission followed from its events: its output passed through as it comes, its progress told meanwhile."""

from __future__ import annotations

from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccx.errors import NodeUnreachable, UnexpectedAnswer
from ccx.events import Done, Output, Queued, Started

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from ccx.cli.output.presentation import Passage
    from ccx.cli.output.progress import Progress
    from ccx.client import Client
    from ccx.events import Event
    from ccx.wire import Submission


@dataclass
class Followed:
    """The submission that is being followed, as soon as its id was told."""

    submission_id: str = ""


@contextmanager
def told_where_it_is_lost() -> Iterator[Followed]:
    """Where the node is lost once the id of what is followed is known, the error says what can be done with that."""
    followed = Followed()
    try:
        yield followed
    except NodeUnreachable as error:
        if not followed.submission_id:
            raise
        raise NodeUnreachable(
            f"The connection to the node was lost over submission {followed.submission_id}; "
            f"'ccx status {followed.submission_id}' tells what became of it, once a node answers."
        ) from error


async def follow(
    client: Client, events: AsyncGenerator[Event], passage: Passage | None, progress: Progress
) -> Submission:
    """Follow to the end; the submission that has ended. Without a passage its output is not shown. Raises
    NodeUnreachable, with its id, where its node is lost meanwhile.
    """
    with told_where_it_is_lost() as followed:
        async with aclosing(events):
            async for event in events:
                match event:
                    case Queued():
                        followed.submission_id = event.submission_id
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
                        return event.submission or await client.submission(followed.submission_id)
                    case _:
                        pass
        raise UnexpectedAnswer("The node ended the stream of events before the submission had ended.")
