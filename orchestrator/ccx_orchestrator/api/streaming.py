"""Events as a stream over HTTP: server-sent events, or one JSON document a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ccx.errors import InvalidSubmission
from ccx.events import type_of_ndjson, type_of_sse
from ccx.wire import FieldError
from ccx_orchestrator.submissions.events.journal import EventId
from ccx_orchestrator.submissions.reading.event_stream import Line, Lines

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


async def frames(batches: Lines, form: Form) -> AsyncGenerator[bytes]:
    """Batches written down in that form."""
    async with aclosing(batches):
        yield form.preamble
        async for batch in batches:
            yield b"".join(map(form.write, batch)) if batch else form.heartbeat


class EventStreamResponse(StreamingResponse):
    """The answer that sends such frames. `when_gone` is called when the client has left before the end."""

    def __init__(
        self,
        content: AsyncGenerator[bytes],
        media_type: str,
        headers: dict[str, str] | None = None,
        when_gone: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        # A proxy that gathers answers would turn a stream into a file.
        live = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(content, headers=live | (headers or {}), media_type=media_type)
        self._content = content
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
            await self._content.aclose()
        if not has_left:
            sending.result()


async def until_gone(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
