"""What all addresses do alike: HEAD is answered as GET, unknown query parameters are refused, large answers zipped."""

from __future__ import annotations

import asyncio

from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ccx.errors import InvalidSubmission
from ccx.wire import FieldError
from ccx.wire.complaints import meant

SMALLEST_ZIPPED_BYTES = 4096
ZIP_LEVEL = 1  # three quarters of what level 9 saves, in a tenth of its time


async def refuse_unknown_parameters(request: HTTPConnection) -> None:
    """A misspelt `?langauge=c` must not list every submission. Raises InvalidSubmission."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = [parameter.alias for parameter in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            alike = meant(name, known)
            listed = ", ".join(known)
            remedy = f"did you mean {alike!r}?" if alike else f"there is {listed}" if known else "there is none"
            message = f"is not a parameter of this address; {remedy}"
            raise InvalidSubmission(f"query.{name}: {message}", (FieldError(field=f"query.{name}", message=message),))


class HeadAsGet:
    """Answers HEAD with the head of what GET answers: load balancers and `curl -I` ask so."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        is_told = asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not is_told.is_set():
                is_told.set()
                await send({"type": "http.response.body", "body": b""})

        # A stream of events never ends by itself soon: once the head is out nobody wants the rest.
        answering = asyncio.ensure_future(self._app({**scope, "method": "GET"}, receive, send_head))
        telling = asyncio.ensure_future(is_told.wait())
        await asyncio.wait({answering, telling}, return_when=asyncio.FIRST_COMPLETED)
        telling.cancel()
        if answering.done():
            await answering
            return
        answering.cancel()
        await asyncio.wait({answering})


class ZippedAnswers:
    """Zips large answers of JSON for who takes that. A stream is never held back for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._zipped = GZipMiddleware(app, minimum_size=SMALLEST_ZIPPED_BYTES, compresslevel=ZIP_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        app = self._zipped if scope["type"] == "http" and _is_whole(scope) else self._plain
        await app(scope, receive, send)


def _is_whole(scope: Scope) -> bool:
    """Whether the answer comes in one piece. Of a stream the client says so, or its address does."""
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"").decode("latin-1")
    wants_stream = any(kind in accept for kind in ("event-stream", "ndjson"))
    return not wants_stream and not scope["path"].endswith(("/events", "/usage"))
