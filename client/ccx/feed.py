"""What a node tells whoever watches of nodes and submissions: the lines of `GET /v1/events`, as frozen models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ccx.wire import Answer, NodeInfo, SubmissionSummary


class _Told(Answer):
    id: str | None = Field(default=None, description="Where to go on after; none for what is not kept.")


class NodesChanged(_Told):
    """All nodes as they are now: at the start, and after a change at most once a second."""

    type: Literal["nodes"] = "nodes"
    nodes: tuple[NodeInfo, ...]


class SubmissionChanged(_Told):
    """A submission was accepted, started, started anew, or has ended."""

    type: Literal["submission"] = "submission"
    submission: SubmissionSummary


class Gap(_Told):
    """What came after the given id is not known any more: read the list of submissions anew."""

    type: Literal["gap"] = "gap"


FeedEvent = Annotated[NodesChanged | SubmissionChanged | Gap, Field(discriminator="type")]
FEED_EVENT: TypeAdapter[FeedEvent] = TypeAdapter(FeedEvent)


def parse_feed_event(text: str | bytes) -> FeedEvent | None:
    """The event in a line of JSON; None for a kind that a later version may have. Raises ValidationError."""
    try:
        return FEED_EVENT.validate_json(text)
    except ValidationError as error:
        if any(detail["type"] == "union_tag_invalid" for detail in error.errors()):
            return None
        raise
