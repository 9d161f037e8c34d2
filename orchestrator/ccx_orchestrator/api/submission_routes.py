"""The routes that take submissions and end them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from ccx.wire import KEY_PATTERN, Submission
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.openapi import refusals, submission_body
from ccx_orchestrator.api.reading_routes import SubmissionId, submission_answer
from ccx_orchestrator.api.request_body import read_submission
from ccx_orchestrator.api.streaming import EventStreamResponse, form_asked_for, frames, until_gone
from ccx_orchestrator.submissions.service import Submissions

IDEMPOTENCY_KEY = Header(
    alias="Idempotency-Key",
    pattern=KEY_PATTERN,
    description="Your own name for this submission. Sent again within a day, with the same body, it answers with the"
    " same submission, so that a request may safely be repeated.",
)


def submission_routes(node: Node) -> APIRouter:
    """`/v1/submissions`, where something is done."""
    routes = APIRouter(prefix="/v1/submissions", tags=["submissions"])
    submissions, following = node.submissions, node.submissions.event_stream

    @routes.post(
        "",
        response_model=Submission,
        responses={
            202: {"model": Submission, "description": "Accepted"},
            **refusals(401, 409, 413, 415, 422, 429, 503),
        },
        openapi_extra=submission_body(),
    )
    async def submit(
        request: Request,
        wait: Annotated[bool, Query(description="Answer when it has ended (200), or at once (202).")] = True,
        detach: Annotated[
            bool, Query(description="With `wait`: let it go on where the client goes away meanwhile.")
        ] = False,
        key: Annotated[str | None, IDEMPOTENCY_KEY] = None,
    ) -> Response:
        """Run a program. With `wait` (the default) the answer is its result; a client that goes away meanwhile
        cancels it, unless it asked to `detach`, or sent an `Idempotency-Key` and so can ask again. With
        `Accept: text/event-stream` or `application/x-ndjson` the answer is the stream of its events.
        """
        asked = await read_submission(request, node.max_body_bytes, node.read_seconds)
        is_attended = wait and not (key or detach)
        accepted = await node.accept(request, asked, key, is_attended=is_attended)
        where = {"Location": f"/v1/submissions/{accepted.id}", **accepted.headers}
        if not wait:
            return submission_answer(accepted.submission, 202, where)
        when_gone = None if detach or key else partial(submissions.cancel, accepted.id)
        if form := form_asked_for(request):
            journal = await following.journal(accepted.id)
            content = frames(
                following.lines(accepted.id, journal, None, asks_others=node.sender_of(request) is None), form
            )
            return EventStreamResponse(content, form.media_type, where, when_gone)
        return submission_answer(await result_of(submissions, accepted.id, request, when_gone), 200, where)

    @routes.delete("/{submission_id}", responses=refusals(401, 404, 422))
    async def cancel_submission(submission_id: SubmissionId, request: Request) -> Submission:
        """Cancel a submission that waits or runs. What it has written so far is kept. One that has ended stays as it
        is.
        """
        await node.check_owner(request, submission_id)
        return await submissions.cancel(submission_id)

    return routes


async def result_of(
    submissions: Submissions, submission_id: str, request: Request, when_gone: Callable[[], Awaitable[object]] | None
) -> Submission:
    """The result, unless the client goes away first: then nobody wants it."""
    result = asyncio.create_task(submissions.wait(submission_id))
    gone = asyncio.create_task(until_gone(request.receive))
    try:
        await asyncio.wait({result, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not result.done() and when_gone is not None:
            await when_gone()
        return await result
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
