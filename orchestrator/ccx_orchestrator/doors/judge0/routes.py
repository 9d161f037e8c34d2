"""The addresses of Judge0, with and without a slash at their end. Translate, run as any submission, translate."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import ValidationError
from starlette.status import (
    HTTP_200_OK,
    HTTP_201_CREATED,
    HTTP_400_BAD_REQUEST,
    HTTP_404_NOT_FOUND,
    HTTP_422_UNPROCESSABLE_CONTENT,
    HTTP_503_SERVICE_UNAVAILABLE,
)

from ccx.errors import (
    InvalidSubmission,
    ProblemError,
    QueueFull,
    ShuttingDown,
    SubmissionNotFound,
    UnknownLanguage,
)
from ccx.wire import State, Submission, SubmissionRequest
from ccx.wire.complaints import first_complaint
from ccx_orchestrator.api.clients import caller_of
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.problems import when_to_retry
from ccx_orchestrator.api.request_body import read_json
from ccx_orchestrator.api.submission_routes import result_of
from ccx_orchestrator.doors.judge0 import PATH, about, outgoing
from ccx_orchestrator.doors.judge0.incoming import Refusal, main_name, submission_of
from ccx_orchestrator.doors.judge0.languages import MULTI_FILE, language_of, listed, multi_file
from ccx_orchestrator.doors.judge0.results import fields_of
from ccx_orchestrator.ports.store import Filter

DEFAULT_PAGE, MOST_IN_PAGE, MOST_PAGES = 20, 100, 50
Encoded = Annotated[bool, Query(alias="base64_encoded")]
Fields = Annotated[str | None, Query()]


def judge0_routes(node: Node) -> APIRouter:
    """All of them."""
    routes = APIRouter(prefix=PATH, include_in_schema=False)
    door = _Door(node)
    for slash in ("", "/"):
        routes.post(f"/submissions{slash}")(door.create)
        routes.get(f"/submissions{slash}")(door.page)
        routes.post(f"/submissions/batch{slash}")(door.create_batch)
        routes.get(f"/submissions/batch{slash}")(door.batch)
        routes.get("/submissions/{token}" + slash)(door.submission)
        routes.delete("/submissions/{token}" + slash)(door.delete)
        routes.get("/languages/{number}" + slash)(door.language)
        for question in ("authenticate", "authorize"):
            routes.post(f"/{question}{slash}")(_yes)
        for name, told in door.told().items():
            routes.get(f"/{name}{slash}")(told)
    return routes


class _Door:
    """One node through it."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def told(self) -> dict[str, Any]:
        """What the node tells of itself, by address."""
        return {
            "languages": self._languages,
            "languages/all": self._all_languages,
            "statuses": _answering([{"id": number, "description": text} for number, text in outgoing.STATUSES.items()]),
            "about": _answering(about.about()),
            "version": _version,
            "config_info": self._configuration,
            "system_info": _answering({"Architecture": platform.machine(), "OS": platform.system()}),
            "workers": self._workers,
            "statistics": self._statistics,
        }

    async def create(
        self, request: Request, is_encoded: Encoded = False, wait: bool = False, fields: Fields = None
    ) -> Response:
        """Take a program in; with `wait` the answer is its result."""
        try:
            names = outgoing.wanted_fields(fields)
            asked = self._asked(await read_json(request, self._node), is_encoded=is_encoded)
            accepted = await self._node.accept(request, asked, is_attended=wait)
            if not wait:
                return JSONResponse({"token": accepted.id}, HTTP_201_CREATED)
            cancel = partial(self._node.submissions.cancel, accepted.id)
            result = await result_of(self._node.submissions, accepted.id, request, cancel)
            return await self._answer(result, asked, names, is_encoded=is_encoded, status=HTTP_201_CREATED)
        except (Refusal, ValueError, ProblemError) as error:
            return _refused(error)

    async def create_batch(self, request: Request, is_encoded: Encoded = False) -> Response:
        """Take several in; each is a token, or what is wrong with it."""
        try:
            body = await read_json(request, self._node)
            found = body.get("submissions") if isinstance(body, dict) else None
            if not isinstance(found, list) or not found:
                return _error(HTTP_400_BAD_REQUEST, "there should be at least one submission in a batch")
            if len(found) > about.MOST_IN_BATCH:
                return _error(
                    HTTP_400_BAD_REQUEST,
                    f"number of submissions in a batch should be less than or equal to {about.MOST_IN_BATCH}",
                )
            answers = [await self._token_of(request, one, is_encoded=is_encoded) for one in found]
        except (ValueError, ProblemError) as error:
            return _refused(error)
        is_any = any("token" in answer for answer in answers)
        return JSONResponse(answers, HTTP_201_CREATED if is_any else HTTP_422_UNPROCESSABLE_CONTENT)

    async def _token_of(self, request: Request, body: object, *, is_encoded: bool) -> dict[str, Any]:
        try:
            accepted = await self._node.accept(request, self._asked(body, is_encoded=is_encoded))
        except Refusal as refusal:
            return refusal.complaints
        except InvalidSubmission as error:
            return _complaints(error)
        return {"token": accepted.id}

    async def submission(
        self, request: Request, token: str, is_encoded: Encoded = False, fields: Fields = None
    ) -> Response:
        """One as it now stands."""
        try:
            names = outgoing.wanted_fields(fields)
            found = await self._find(request, token)
            return await self._answer(found, None, names, is_encoded=is_encoded)
        except (ValueError, ProblemError) as error:
            return _refused(error)

    async def batch(
        self, request: Request, tokens: str, is_encoded: Encoded = False, fields: Fields = None
    ) -> Response:
        """Several; null where there is none."""
        try:
            names = outgoing.wanted_fields(fields)
            answers: list[dict[str, Any] | None] = []
            for token in tokens.split(",")[: about.MOST_IN_BATCH]:
                try:
                    found = await self._find(request, token.strip())
                except (SubmissionNotFound, InvalidSubmission):
                    answers.append(None)
                else:
                    answers.append(await fields_of(self._node, found, None, names, is_encoded=is_encoded))
            return JSONResponse({"submissions": answers})
        except (ValueError, ProblemError) as error:
            return _refused(error)

    async def page(
        self,
        request: Request,
        is_encoded: Encoded = False,
        fields: Fields = None,
        page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
        per_page: Annotated[int, Query(ge=1, le=MOST_IN_PAGE)] = DEFAULT_PAGE,
    ) -> Response:
        """The caller's own, newest first."""
        try:
            names = outgoing.wanted_fields(fields)
            caller = caller_of(request)
            which = Filter(client=None if caller.sees(None) else caller.client)
            lines = await self._node.submissions.page(which, page * per_page + 1)
            here = lines[(page - 1) * per_page : page * per_page]
            answers = []
            for line in here:
                found = await self._find(request, line.id)
                answers.append(await fields_of(self._node, found, None, names, is_encoded=is_encoded))
            following = page + 1 if len(lines) > page * per_page else None
            meta = {"current_page": page, "next_page": following, "prev_page": page - 1 or None}
            return JSONResponse({"submissions": answers, "meta": meta})
        except (ValueError, ProblemError) as error:
            return _refused(error)

    async def delete(self, request: Request, token: str) -> Response:
        """Refused, as by a server of theirs that does not allow it: results are kept for as long as the node says."""
        try:
            found = await self._find(request, token)
        except ProblemError as error:
            return _refused(error)
        if found.state is not State.DONE:
            status = outgoing.IN_QUEUE if found.state is State.QUEUED else outgoing.PROCESSING
            text = f"submission cannot be deleted because its status is {status} ({outgoing.STATUSES[status]})"
            return _error(HTTP_400_BAD_REQUEST, text)
        return _error(HTTP_400_BAD_REQUEST, "delete not allowed")

    async def language(self, number: str) -> Response:
        """One language."""
        languages = self._node.catalogue.all()
        if number == str(MULTI_FILE):
            return JSONResponse(multi_file() | {"is_archived": False})
        found = language_of(int(number), languages) if number.isdigit() else None
        if found is None:
            return _error(HTTP_404_NOT_FOUND, f"there is no language {number}")
        return JSONResponse(
            {
                "id": int(number),
                "name": f"{found.title} ({found.version})",
                "is_archived": False,
                "source_file": main_name(found),
                "compile_cmd": None,
                "run_cmd": None,
            }
        )

    async def _languages(self) -> Response:
        return JSONResponse(listed(self._node.catalogue.all()))

    async def _all_languages(self) -> Response:
        return JSONResponse([one | {"is_archived": False} for one in listed(self._node.catalogue.all())])

    async def _configuration(self) -> Response:
        bound = self._node.submissions.backlog.bound
        calls_back = self._node.submissions.policy.takes_callbacks
        return JSONResponse(about.configuration(self._node.catalogue.all(), bound, calls_back=calls_back))

    async def _workers(self) -> Response:
        submissions = self._node.submissions
        return JSONResponse(about.workers(submissions.slots, submissions.running_here, submissions.backlog.waiting))

    async def _statistics(self) -> Response:
        submissions = self._node.submissions
        return JSONResponse(
            {"submissions": {"queued": submissions.backlog.waiting, "running": submissions.running_here}}
        )

    def _asked(self, body: object, *, is_encoded: bool) -> SubmissionRequest:
        return submission_of(body, self._node.catalogue.all(), is_encoded=is_encoded)

    async def _find(self, request: Request, token: str) -> Submission:
        await self._node.check_owner(request, token)
        return await self._node.submissions.get(token)

    async def _answer(
        self,
        found: Submission,
        asked: SubmissionRequest | None,
        names: Sequence[str],
        *,
        is_encoded: bool,
        status: int = HTTP_200_OK,
    ) -> Response:
        try:
            return JSONResponse(await fields_of(self._node, found, asked, names, is_encoded=is_encoded), status)
        except outgoing.NotText as error:
            told = {"token": found.id, "error": str(error)}
            return JSONResponse(told, status if status == HTTP_201_CREATED else HTTP_400_BAD_REQUEST)


async def _yes() -> Response:
    """Who may not is refused before."""
    return Response()


async def _version() -> Response:
    return PlainTextResponse(about.VERSION)


def _answering(what: Any) -> Any:
    async def answer() -> Response:
        return JSONResponse(what)

    return answer


def _refused(error: Exception) -> Response:
    """Theirs for what went wrong."""
    if isinstance(error, Refusal):
        return JSONResponse(error.complaints, HTTP_422_UNPROCESSABLE_CONTENT)
    if isinstance(error, ValidationError):
        return JSONResponse({"submission": [first_complaint(error)]}, HTTP_422_UNPROCESSABLE_CONTENT)
    if isinstance(error, InvalidSubmission | UnknownLanguage):
        return JSONResponse(_complaints(error), HTTP_422_UNPROCESSABLE_CONTENT)
    if isinstance(error, QueueFull | ShuttingDown):
        answer = _error(HTTP_503_SERVICE_UNAVAILABLE, "queue is full")
        answer.headers.update(when_to_retry(error))
        return answer
    if isinstance(error, ProblemError):
        return _error(error.status, error.detail)
    return _error(
        HTTP_400_BAD_REQUEST, "the body is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
    )


def _complaints(error: ProblemError) -> dict[str, list[str]]:
    return {one.field: [one.message] for one in error.errors} or {"submission": [error.detail]}


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)
