"""The addresses of Piston, with and without a slash at their end. Translate, run as any submission, translate."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.status import (
    HTTP_400_BAD_REQUEST,
    HTTP_403_FORBIDDEN,
    HTTP_404_NOT_FOUND,
)

from ccx.errors import InternalError, InvalidSubmission, ProblemError, UnknownLanguage
from ccx.wire import Verdict
from ccx.wire.complaints import first_complaint
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.problems import when_to_retry
from ccx_orchestrator.api.request_body import read_json
from ccx_orchestrator.api.submission_routes import result_of
from ccx_orchestrator.doors.piston import PATH, outgoing
from ccx_orchestrator.doors.piston.incoming import Refusal, submission_of

PREFIXES = (f"{PATH}/piston", PATH)  # of the service that was public, and of one's own
_INSTALL = "Languages are installed on the node's own host: ccx images build NAME, then start the node again."


def piston_routes(node: Node) -> APIRouter:
    """All of them, below both prefixes."""
    routes = APIRouter(include_in_schema=False)
    door = _Door(node)
    for prefix in PREFIXES:
        for slash in ("", "/"):
            routes.get(f"{prefix}/runtimes{slash}")(door.runtimes)
            routes.get(f"{prefix}/packages{slash}")(door.packages)
            routes.post(f"{prefix}/packages{slash}")(door.change_packages)
            routes.delete(f"{prefix}/packages{slash}")(door.change_packages)
            routes.post(f"{prefix}/execute{slash}")(door.execute)
    for prefix in PREFIXES:
        routes.get(prefix + "/{path:path}")(door.nothing)
    return routes


class _Door:
    """One node through it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def runtimes(self) -> Response:
        """What may be named in `execute`."""
        return JSONResponse([outgoing.runtime(language) for language in self._node.catalogue.all()])

    async def packages(self) -> Response:
        """The same, as packages."""
        return JSONResponse([outgoing.package(language) for language in self._node.catalogue.all()])

    async def change_packages(self) -> Response:
        """Refused: whoever reaches a node must not change what runs on its host."""
        return _refused(HTTP_403_FORBIDDEN, _INSTALL)

    async def nothing(self) -> Response:
        """Any other address."""
        return _refused(HTTP_404_NOT_FOUND, "Not Found")

    async def execute(self, request: Request) -> Response:
        """Run a program; the answer is its result."""
        try:
            return JSONResponse(await self._execute(request))
        except (json.JSONDecodeError, UnicodeDecodeError):
            return _refused(HTTP_400_BAD_REQUEST, "The body is not JSON.")
        except Refusal as refusal:
            return _refused(HTTP_400_BAD_REQUEST, str(refusal))
        except ValidationError as error:
            return _refused(HTTP_400_BAD_REQUEST, first_complaint(error))
        except ProblemError as error:
            return _problem(error)

    async def _execute(self, request: Request) -> dict[str, Any]:
        node, submissions = self._node, self._node.submissions
        body = await read_json(request, node)
        asked, language = submission_of(body, node.catalogue.all())
        accepted = await node.accept(request, asked, is_attended=True)
        journal = await submissions.event_stream.journal(accepted.id)  # as it grows: from the store it takes longer
        result = await result_of(submissions, accepted.id, request, partial(submissions.cancel, accepted.id))
        if result.verdict is Verdict.INTERNAL_ERROR:
            raise InternalError(result.message or "The node failed.")
        if not journal.has_ended:  # another node has had it meanwhile
            journal = await submissions.event_stream.journal(accepted.id)
        return outgoing.execution(result, language, (entry.told for entry in journal.entries))


def _problem(error: ProblemError) -> Response:
    is_theirs = isinstance(error, InvalidSubmission | UnknownLanguage)
    answer = _refused(HTTP_400_BAD_REQUEST if is_theirs else error.status, error.detail)
    answer.headers.update(when_to_retry(error))
    return answer


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status)
