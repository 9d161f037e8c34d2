"""Every error that leaves by HTTP is an RFC 9457 problem document, made here."""

from __future__ import annotations

import math

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.status import HTTP_400_BAD_REQUEST

from ccx.errors import (
    InternalError,
    InvalidSubmission,
    MethodNotAllowed,
    ProblemError,
    RouteNotFound,
    to_problem,
)
from ccx.wire import FieldError, type_of_problem
from ccx.wire.complaints import complaint
from ccx.wire.requests import FIELDS

log = structlog.get_logger(__name__)

MAX_FIELD_ERRORS = 20
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_HTTP_ERRORS = {404: RouteNotFound, 405: MethodNotAllowed}


def problem_answer(error: ProblemError) -> Response:
    """The document of an error, with the headers that go with it."""
    body = to_problem(error).model_dump_json(exclude_none=True)
    return Response(body, error.status, when_to_retry(error), type_of_problem)


def when_to_retry(error: ProblemError) -> dict[str, str]:
    """The header that says it, where that is known."""
    seconds = error.retry_after_seconds
    return {} if seconds is None else {"Retry-After": str(math.ceil(seconds))}


def invalid(error: ValidationError | RequestValidationError) -> InvalidSubmission:
    """A refusal that names every field pydantic complains of."""
    found = error.errors()
    errors = tuple(_field_error(detail) for detail in found[:MAX_FIELD_ERRORS])
    first = errors[0]
    return InvalidSubmission(f"{first.field}: {first.message}.".removesuffix("..") + "", errors)


def _field_error(detail: ErrorDetails) -> FieldError:
    message = complaint(detail, FIELDS)
    field = ".".join(str(part) for part in detail["loc"] if part != "body")
    # A rule of ours about several fields names the one to mend itself.
    if not field and detail["type"] == "value_error" and ": " in message:
        field, message = message.split(": ", 1)
    return FieldError(field=field or "body", message=message)


def _allowed(request: Request) -> str:
    """Every method of an address: the router knows only the first route it came across."""

    def takes(method: str) -> bool:
        scope = dict(request.scope) | {"method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(filter(takes, _METHODS))


def install(app: FastAPI) -> None:
    """Make the application answer every error with a problem document."""

    @app.exception_handler(ProblemError)
    async def _problem(_: Request, error: ProblemError) -> Response:
        return problem_answer(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        return problem_answer(invalid(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTP_400_BAD_REQUEST:  # of a body that is not even text
            message = "cannot be read as JSON"
            return problem_answer(InvalidSubmission(f"body {message}.", (FieldError(field="body", message=message),)))
        kind = _HTTP_ERRORS.get(error.status_code)
        if kind is None:
            return await _internal(request, error)
        answer = problem_answer(kind(f"{request.method} {request.url.path}: see /docs for what there is."))
        answer.headers.update(error.headers or {})
        if kind is MethodNotAllowed:
            answer.headers["Allow"] = _allowed(request)
        return answer

    @app.exception_handler(Exception)
    async def _internal(request: Request, error: Exception) -> Response:
        log.error("request failed by a fault in the node", path=request.url.path, exc_info=error)
        return problem_answer(InternalError("The node failed to answer this request; its log says why."))
