"""The native HTTP API, version 1."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, Response
from starlette.requests import HTTPConnection

from ccx.errors import ProblemError, SubmissionNotFound
from ccx.wire import (
    FORWARDED_HEADER,
    ID_PATTERN,
    KEY_PATTERN,
    MAX_PAGE,
    TOKEN_HEADER,
    Health,
    LanguageInfo,
    PoolHealth,
    State,
    Submission,
    SubmissionPage,
    Verdict,
    type_of_json,
)
from ccx_orchestrator.api import problems
from ccx_orchestrator.api.clients import client_of
from ccx_orchestrator.api.interactive import interactive_routes
from ccx_orchestrator.api.node_routes import OPEN_GATE, Gate, node_routes
from ccx_orchestrator.api.openapi import event_stream, refusals, submission_body, with_our_errors
from ccx_orchestrator.api.request_body import read_submission
from ccx_orchestrator.api.streaming import SSE, EventStreamResponse, form_asked_for, frames, last_event_id, until_gone
from ccx_orchestrator.cluster.overview import Cluster
from ccx_orchestrator.ports.languages import Catalogue
from ccx_orchestrator.ports.store import Filter
from ccx_orchestrator.submissions.service import Submissions

VERSION = version("ccx")
DESCRIPTION = """
Send a program, get its output and a precise verdict back. What the program does is a **verdict** in a 200 answer; an
answer of 4xx or
5xx is an RFC 9457 problem and means that nothing was run.
"""

DEFAULT_PAGE = 50
IDEMPOTENCY_KEY = Header(
    alias="Idempotency-Key",
    pattern=KEY_PATTERN,
    description="Your own name for this submission. Sent again within a day, with the same body, it answers with the"
    " same submission, so that a request may safely be repeated.",
)

type_of_metrics = "text/plain; version=0.0.4; charset=utf-8"

SubmissionId = Annotated[str, Path(pattern=ID_PATTERN, description="The `id` of the answer to POST.")]


@dataclass(frozen=True, slots=True)
class Node:
    """What the routes need to know."""

    name: str
    submissions: Submissions
    catalogue: Catalogue
    max_body_bytes: int
    metrics: Callable[[], bytes]
    pool: Callable[[], tuple[PoolHealth, ...]] = tuple
    cluster: Cluster | None = None
    gate: Gate = OPEN_GATE

    def sender_of(self, request: HTTPConnection) -> str | None:
        """The node that sends something on, None where it comes from a user. Raises NotOfTheCluster."""
        sender = request.headers.get(FORWARDED_HEADER)
        if sender is not None:
            self.gate.check(request.headers.get(TOKEN_HEADER))
        return sender

    def master_of(self, request: HTTPConnection) -> str | None:
        """The node that sends a submission on, None for one of a user. Raises NotOfTheCluster."""
        master = self.sender_of(request)
        if master is not None and self.cluster is not None:
            self.cluster.leases.note_work(master)
        return master


def create_app(node: Node) -> FastAPI:
    """The application of one node."""
    app = FastAPI(title="ccx", version=VERSION, description=DESCRIPTION, redoc_url=None)
    problems.install(app)
    app.include_router(_submission_routes(node))
    app.include_router(_node_routes(node))
    if node.cluster is not None:
        app.include_router(node_routes(node.cluster, node.gate))
    app.include_router(interactive_routes(node.submissions, node.max_body_bytes, node.master_of))
    app.openapi = with_our_errors(app)  # type: ignore[method-assign]
    return app


def _submission_routes(node: Node) -> APIRouter:
    routes = APIRouter(prefix="/v1/submissions", tags=["submissions"])
    submissions, following = node.submissions, node.submissions.event_stream

    @routes.post(
        "",
        response_model=Submission,
        responses={202: {"model": Submission, "description": "Accepted"}, **refusals(409, 413, 415, 422, 429, 503)},
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
        master = node.master_of(request)
        asked = await read_submission(request, node.max_body_bytes)
        is_attended = wait and not (key or detach)
        accepted = await submissions.accept(asked, client_of(request), key, is_attended=is_attended, master=master)
        where = {"Location": f"/v1/submissions/{accepted.id}"}
        if not wait:
            return _answer(accepted, 202, where)
        when_gone = None if detach or key else partial(submissions.cancel, accepted.id)
        if form := form_asked_for(request):
            journal = await following.journal(accepted.id)
            content = frames(following.lines(accepted.id, journal, None, asks_others=master is None), form)
            return EventStreamResponse(content, form.media_type, where, when_gone)
        return _answer(await _wait(submissions, accepted.id, request, when_gone), 200, where)

    @routes.get("", responses=refusals(422))
    async def list_(
        state: State | None = None,
        verdict: Verdict | None = None,
        language: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
        cursor: Annotated[
            str | None, Query(pattern=ID_PATTERN, description="The `next_cursor` of the page before.")
        ] = None,
    ) -> SubmissionPage:
        """Submissions without their output, newest first, a page at a time."""
        which = Filter(state, verdict, language, cursor)
        found = await submissions.page(which, limit + 1)
        page = found[:limit]
        return SubmissionPage(submissions=page, next_cursor=page[-1].id if len(found) > limit else None)

    @routes.get("/{submission_id}", responses=refusals(404, 422))
    async def read(submission_id: SubmissionId, request: Request) -> Submission:
        """A submission as it now stands."""
        return await submissions.get(submission_id, asks_others=node.sender_of(request) is None)

    @routes.get("/{submission_id}/events", response_class=Response, responses=event_stream() | refusals(404, 422))
    async def events(
        submission_id: SubmissionId,
        request: Request,
        last: Annotated[
            str | None, Header(alias="Last-Event-ID", description="Go on after this event. Left out: from the start.")
        ] = None,
    ) -> Response:
        """All that was told of a submission and will be, to its end. 204 where nothing comes after `Last-Event-ID`."""
        after = last_event_id(last)
        asks_others = node.sender_of(request) is None
        journal = await following.journal(submission_id, after)
        if journal.is_abandoned and not asks_others:
            raise SubmissionNotFound(f"Another node has the submission {submission_id!r}.")
        if journal.has_ended and not journal.since(after):
            return Response(status_code=204)
        form = form_asked_for(request) or SSE
        content = frames(following.lines(submission_id, journal, after, asks_others=asks_others), form)
        return EventStreamResponse(content, form.media_type)

    @routes.delete("/{submission_id}", responses=refusals(404, 422))
    async def cancel(submission_id: SubmissionId) -> Submission:
        """Cancel a submission that waits or runs. What it has written so far is kept. One that has ended stays as it
        is.
        """
        return await submissions.cancel(submission_id)

    return routes


def _node_routes(node: Node) -> APIRouter:
    routes = APIRouter(tags=["node"])

    @routes.get("/v1/languages", responses=refusals(422))
    async def languages(
        without_image: Annotated[
            bool, Query(description="Those instead that it would serve, had they an image: theirs is empty.")
        ] = False,
    ) -> tuple[LanguageInfo, ...]:
        """The languages this node serves."""
        return node.catalogue.lacking() if without_image else node.catalogue.all()

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counters and times, for Prometheus."""
        return Response(node.metrics(), media_type=type_of_metrics)

    @routes.get("/healthz")
    async def healthz() -> Health:
        """Whether the node is up. Always 200 while it is: see `status` for whether it can do its work."""
        error: ProblemError | None = node.submissions.engine_error
        backlog = node.submissions.backlog
        pool = node.pool()
        return Health(
            status=_status(node, is_degraded=bool(error) or any(shelf.error for shelf in pool)),
            node=node.name,
            engine=str(error) if error else "ok",
            running=node.submissions.running_here,
            queued=backlog.waiting,
            slots=node.submissions.slots,
            pool=pool,
        )

    return routes


def _status(node: Node, *, is_degraded: bool) -> Literal["ok", "degraded", "draining"]:
    if not node.submissions.takes_new:
        return "draining"
    return "degraded" if is_degraded else "ok"


def _answer(submission: Submission, status: int, headers: dict[str, str]) -> Response:
    return Response(submission.model_dump_json(), status, headers, type_of_json)


async def _wait(
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
