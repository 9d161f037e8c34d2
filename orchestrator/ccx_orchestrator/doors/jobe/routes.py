"""The addresses of Jobe, with and without a slash at their end. Translate, run as any submission, translate."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import ValidationError
from starlette.status import (
    HTTP_204_NO_CONTENT,
    HTTP_400_BAD_REQUEST,
    HTTP_404_NOT_FOUND,
    HTTP_413_CONTENT_TOO_LARGE,
    HTTP_429_TOO_MANY_REQUESTS,
)

from ccx.errors import InvalidSubmission, ProblemError, QueueFull, QuotaExceeded, ShuttingDown, UnknownLanguage
from ccx.wire.complaints import first_complaint
from ccx_orchestrator.api.clients import caller_of
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.request_body import read_json
from ccx_orchestrator.api.submission_routes import result_of
from ccx_orchestrator.doors.jobe import PATH, outgoing
from ccx_orchestrator.doors.jobe.files import FileCache
from ccx_orchestrator.doors.jobe.incoming import Refusal, is_file_id, run_of
from ccx_orchestrator.doors.jobe.languages import listed


def jobe_routes(node: Node) -> APIRouter:
    """All of them."""
    routes = APIRouter(prefix=PATH, include_in_schema=False)
    door = _Door(node)
    for slash in ("", "/"):
        routes.get(f"/languages{slash}")(door.languages)
        routes.post(f"/runs{slash}")(door.run)
        routes.put("/files/{file_id}" + slash)(door.put_file)
        routes.get("/files/{file_id}" + slash)(door.has_file)  # and HEAD, as everywhere
    for method in (routes.get, routes.post, routes.put):
        method("/{path:path}")(door.nothing)
    return routes


class _Door:
    """One node through it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._files = FileCache()

    async def languages(self) -> Response:
        """Which there are."""
        return JSONResponse(listed(self._node.catalogue.all()))

    async def nothing(self) -> Response:
        """Any other address."""
        return _refused(HTTP_404_NOT_FOUND, "No such address here")

    async def put_file(self, request: Request, file_id: str) -> Response:
        """Keep a file for runs that name it."""
        try:
            body = await self._body(request)
            text = body.get("file_contents") if isinstance(body, dict) else None
            if not isinstance(text, str):
                return _refused(HTTP_400_BAD_REQUEST, "put: missing file_contents parameter")
            data = base64.b64decode(text, validate=True)
        except Refusal as refusal:
            return _refused(refusal.status, str(refusal))
        except (binascii.Error, ValueError):
            return _refused(HTTP_400_BAD_REQUEST, f"put: contents of file {file_id} are not valid base-64")
        if not is_file_id(file_id) or not self._files.put(caller_of(request).client, file_id, data):
            return _refused(HTTP_413_CONTENT_TOO_LARGE, f"put: failed to write file {file_id} to cache")
        return Response(status_code=HTTP_204_NO_CONTENT)

    async def has_file(self, request: Request, file_id: str) -> Response:
        """Whether it is still kept."""
        is_there = self._files.get(caller_of(request).client, file_id) is not None
        return Response(status_code=HTTP_204_NO_CONTENT if is_there else HTTP_404_NOT_FOUND)

    async def run(self, request: Request) -> Response:
        """Run a program; the answer is its result."""
        try:
            return JSONResponse(await self._run(request))
        except Refusal as refusal:
            return _refused(refusal.status, str(refusal))
        except ValidationError as error:
            return _refused(HTTP_400_BAD_REQUEST, first_complaint(error))
        except QuotaExceeded:
            return PlainTextResponse("Max RUN rate for this server exceeded", HTTP_429_TOO_MANY_REQUESTS)
        except (QueueFull, ShuttingDown):
            return JSONResponse(outgoing.overload())
        except ProblemError as error:
            is_theirs = isinstance(error, InvalidSubmission | UnknownLanguage)
            return _refused(HTTP_400_BAD_REQUEST if is_theirs else error.status, error.detail)

    async def _run(self, request: Request) -> dict[str, Any]:
        node, client = self._node, caller_of(request).client
        asked = run_of(await self._body(request), node.catalogue.all(), partial(self._files.get, client))
        if asked is None:
            return outgoing.overload()
        accepted = await node.accept(request, asked.request, is_attended=True)
        cancel = partial(node.submissions.cancel, accepted.id)
        return outgoing.result_of(await result_of(node.submissions, accepted.id, request, cancel))

    async def _body(self, request: Request) -> object:
        """Raises Refusal, and what is said of a body that is too large or too slow."""
        try:
            return await read_json(request, self._node)
        except ValueError as error:
            raise Refusal("Non-JSON post data received") from error


def _refused(status: int, message: str) -> Response:
    """Theirs is a text in JSON."""
    return JSONResponse(message, status)
