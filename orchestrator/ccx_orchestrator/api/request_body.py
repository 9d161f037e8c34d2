"""A submission from the body of a request: bounded, JSON, valid, or a problem that says what to mend."""

from __future__ import annotations

import asyncio
import json
from email.message import Message
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from ccx.errors import BodyTooLarge, InvalidSubmission, RequestTooSlow, UnsupportedMediaType
from ccx.wire import FieldError, SubmissionRequest, type_of_json
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.problems import invalid


async def read_submission(request: Request, max_bytes: int, seconds: float) -> SubmissionRequest:
    """Raises UnsupportedMediaType, BodyTooLarge, RequestTooSlow or InvalidSubmission."""
    _check_type(request.headers.get("content-type", ""))
    body = await read_body(request, max_bytes, seconds)
    try:
        return SubmissionRequest.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from error
    except RecursionError as error:
        message = "is nested too deeply"
        raise InvalidSubmission(f"body: {message}.", (FieldError(field="body", message=message),)) from error


def _check_type(content_type: str) -> None:
    header = Message()
    header["content-type"] = content_type
    if not content_type or header.get_content_type() != type_of_json:
        raise UnsupportedMediaType(f"The content type is {content_type or 'missing'!r}; send {type_of_json!r}.")


async def read_body(request: Request, max_bytes: int, seconds: float) -> bytes:
    """The body of a request. Raises BodyTooLarge or RequestTooSlow."""
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, max_bytes)
    except TimeoutError as error:
        raise RequestTooSlow(f"The request's body was not there within {seconds:g} s; send it again.") from error


async def read_json(request: Request, node: Node) -> Any:
    """The same as what its JSON says. Raises ValueError as well, where it is none."""
    body = await read_body(request, node.max_body_bytes, node.read_seconds)
    try:
        return json.loads(body)
    except RecursionError as error:
        raise json.JSONDecodeError("is nested too deeply", "", 0) from error


async def _read(request: Request, max_bytes: int) -> bytes:
    too_large = BodyTooLarge(f"The request's body is larger than {max_bytes} bytes, the most this node takes.")
    if (length := request.headers.get("content-length", "")).isdigit() and int(length) > max_bytes:
        raise too_large
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)
