"""The routes that show submissions: one, a list of them, the events of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from ccx.errors import SubmissionNotFound
from ccx.wire import (
    ID_PATTERN,
    MAX_PAGE,
    State,
    Submission,
    SubmissionPage,
    SubmissionRequest,
    Verdict,
    type_of_json,
)
from ccx_orchestrator.api.clients import caller_of
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.openapi import event_stream, refusals
from ccx_orchestrator.api.streaming import SSE, EventStreamResponse, form_asked_for, frames, last_event_id
from ccx_orchestrator.ports.store import Filter

DEFAULT_PAGE = 50

SubmissionId = Annotated[str, Path(pattern=ID_PATTERN, description="The `id` of the answer to POST.")]
KnownTags = Annotated[
    str | None, Header(alias="If-None-Match", description="The `ETag` of an answer that the client has.")
]


def reading_routes(node: Node) -> APIRouter:
    """`/v1/submissions`, where something is shown."""
    routes = APIRouter(prefix="/v1/submissions", tags=["submissions"])
    submissions, following = node.submissions, node.submissions.event_stream

    @routes.get("", responses=refusals(401, 422))
    async def list_submissions(
        request: Request,
        state: State | None = None,
        verdict: Verdict | None = None,
        language: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
        cursor: Annotated[
            str | None, Query(pattern=ID_PATTERN, description="The `next_cursor` of the page before.")
        ] = None,
    ) -> SubmissionPage:
        """Submissions without their output, newest first, a page at a time. Where callers have tokens, those of the
        token; operators see all.
        """
        caller = caller_of(request)
        which = Filter(state, verdict, language, cursor, None if caller.sees(None) else caller.client)
        found = await submissions.page(which, limit + 1)
        page = found[:limit]
        return SubmissionPage(submissions=page, next_cursor=page[-1].id if len(found) > limit else None)

    @routes.get(
        "/{submission_id}",
        response_model=Submission,
        responses={304: {"description": "It has ended, and the client has it."}, **refusals(401, 404, 422)},
    )
    async def get_submission(
        submission_id: SubmissionId,
        request: Request,
        known: KnownTags = None,
    ) -> Response:
        """A submission as it now stands. One that has ended never changes: its answer has an `ETag`."""
        await node.check_owner(request, submission_id)
        submission = await submissions.get(submission_id, asks_others=node.sender_of(request) is None)
        if submission.state is State.DONE:
            return _final_answer(submission, known)
        return submission_answer(submission, 200, {})

    @routes.get("/{submission_id}/request", response_model=SubmissionRequest, responses=refusals(401, 404, 422))
    async def get_request(submission_id: SubmissionId, request: Request) -> Response:
        """What was asked for, sources included: as it was sent, and so as it can be sent again."""
        await node.check_owner(request, submission_id)
        asked = await submissions.request(submission_id)
        return Response(asked.model_dump_json(exclude_defaults=True), media_type=type_of_json)

    @routes.get("/{submission_id}/events", response_class=Response, responses=event_stream() | refusals(401, 404, 422))
    async def get_events(
        submission_id: SubmissionId,
        request: Request,
        last: Annotated[
            str | None, Header(alias="Last-Event-ID", description="Go on after this event. Left out: from the start.")
        ] = None,
    ) -> Response:
        """All that was told of a submission and will be, to its end. 204 where nothing comes after `Last-Event-ID`."""
        after = last_event_id(last)
        await node.check_owner(request, submission_id)
        asks_others = node.sender_of(request) is None
        journal = await following.journal(submission_id, after)
        if journal.is_abandoned and not asks_others:
            raise SubmissionNotFound(f"Another node has the submission {submission_id!r}.")
        if journal.has_ended and not journal.since(after):
            return Response(status_code=204)
        form = form_asked_for(request) or SSE
        content = frames(following.lines(submission_id, journal, after, asks_others=asks_others), form)
        return EventStreamResponse(content, form.media_type)

    return routes


def submission_answer(submission: Submission, status: int, headers: dict[str, str]) -> Response:
    """A submission as the body of an answer."""
    return Response(submission.model_dump_json(), status, headers, type_of_json)


def _final_answer(submission: Submission, known: str | None) -> Response:
    """One that has ended: it never changes, so that who has it need not be sent it again."""
    tag = f'"{submission.id}-{submission.attempt}"'
    if tag in {each.strip().removeprefix("W/") for each in (known or "").split(",")}:
        return Response(status_code=304, headers={"ETag": tag})
    return submission_answer(submission, 200, {"ETag": tag})
