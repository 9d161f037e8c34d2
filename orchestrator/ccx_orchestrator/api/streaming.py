"""A journal as a stream over HTTP: server-sent events, or one JSON document a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ccx.errors import InvalidSubmission
from ccx.events import Queued, type_of_ndjson, type_of_sse
from ccx.wire import FieldError
from ccx_orchestrator.domain.events import Started
from ccx_orchestrator.submissions.journal import EventId, Journal
from ccx_orchestrator.submissions.service import Submissions

HEARTBEAT_SECONDS = 15.0
POSITION_SECONDS = 0.5
RETRY_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """How events are written down."""

    media_type: str
    preamble: bytes
    heartbeat: bytes
    write: Callable[[Line], bytes]


def _sse(line: Line) -> bytes:
    identity = b"" if line.id is None else f"id: {line.id}\n".encode()
    return identity + f"event: {line.kind}\ndata: ".encode() + line.document + b"\n\n"


SSE = Form(type_of_sse, f"retry: {RETRY_MILLISECONDS}\n\n".encode(), b":\n\n", _sse)
NDJSON = Form(type_of_ndjson, b"", b"\n", lambda line: line.document + b"\n")


def form_asked_for(request: Request) -> Form | None:
    """The stream that the Accept header asks for, None where it asks for none."""
    for word in request.headers.get("accept", "").split(","):
        media_type = word.partition(";")[0].strip().lower()
        for form in (SSE, NDJSON):
            if media_type == form.media_type:
                return form
    return None


def last_event_id(text: str | None) -> EventId | None:
    """The place a reader has come to. Raises InvalidSubmission where it is none of ours."""
    if not text:
        return None
    if (place := EventId.parse(text)) is None:
        message = "must be the id of an event, such as 1-17"
        raise InvalidSubmission(f"Last-Event-ID {message}.", (FieldError(field="Last-Event-ID", message=message),))
    return place


@dataclass(frozen=True, slots=True)
class Line:
    """One event for the wire."""

    id: str | None
    kind: str
    document: bytes


async def lines(
    submissions: Submissions, submission_id: str, journal: Journal, after: EventId | None
) -> AsyncGenerator[list[Line]]:
    """All that comes after that place, to the end, in batches; an empty one wherever it is silent for long."""
    is_waiting = True
    told_position: int | None = None
    while True:
        while entries := journal.since(after):
            yield [Line(str(entry.id), entry.kind, entry.json) for entry in entries]
            after = entries[-1].id
            is_waiting = is_waiting and not any(isinstance(entry.told, Started) for entry in entries)
        if journal.is_complete:
            return
        try:
            async with asyncio.timeout(POSITION_SECONDS if is_waiting else HEARTBEAT_SECONDS):
                await journal.wait_for_news(after)
        except TimeoutError:
            position = submissions.position(submission_id)
            if position is None or position == told_position:
                yield []
                continue
            told_position = position
            news = Queued(submission_id=submission_id, position=position)
            yield [Line(None, news.type, news.model_dump_json().encode())]


async def frames(batches: AsyncGenerator[list[Line]], form: Form) -> AsyncGenerator[bytes]:
    """Batches written down in that form."""
    yield form.preamble
    async for batch in batches:
        yield b"".join(map(form.write, batch)) if batch else form.heartbeat


class EventStream(StreamingResponse):
    """The answer that sends such frames. `when_gone` is called when the client has left before the end."""

    def __init__(
        self,
        content: AsyncIterator[bytes],
        media_type: str,
        headers: dict[str, str] | None = None,
        when_gone: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        # A proxy that gathers answers would turn a stream into a file.
        live = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(content, headers=live | (headers or {}), media_type=media_type)
        self._when_gone = when_gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """See ASGI."""
        sending = asyncio.create_task(self.stream_response(send))
        gone = asyncio.create_task(until_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done() and self._when_gone is not None:
                await self._when_gone()
        finally:
            gone.cancel()
            has_left = sending.cancel()
            await asyncio.wait({sending, gone})
        if not has_left:
            sending.result()


async def until_gone(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
