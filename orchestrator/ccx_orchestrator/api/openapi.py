"""What `/openapi.json` says beyond what FastAPI finds out: problems, bodies that are read by hand, streams."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from ccx.errors import PROBLEMS
from ccx.events import EVENT, type_of_ndjson, type_of_sse
from ccx.feed import FEED_EVENT
from ccx.messages import CLIENT_MESSAGE, NODE_MESSAGE
from ccx.wire import Problem, SubmissionRequest, type_of_json, type_of_problem
from ccx_orchestrator.api.field_descriptions import describe

_SHAPES: dict[str, TypeAdapter[Any]] = {
    "SubmissionRequest": TypeAdapter(SubmissionRequest),
    "Problem": TypeAdapter(Problem),
    "Event": EVENT,
    "FeedEvent": FEED_EVENT,
    "ClientMessage": CLIENT_MESSAGE,
    "NodeMessage": NODE_MESSAGE,
}

# OpenAPI has no word for WebSockets: what is said on them is named here, by address.
_WEBSOCKETS = {
    "/v1/interactive": {
        "description": "A program to type to. The client begins with `start`; the node ends with `done` or `refused`.",
        "client": {"$ref": "#/components/schemas/ClientMessage"},
        "node": {"$ref": "#/components/schemas/NodeMessage"},
    }
}

_EXAMPLES: dict[str, Any] = {
    "hello": {"language": "python", "files": [{"name": "hello.py", "content": "print('hello')\n"}]},
    "limits and input": {
        "language": "c",
        "files": [{"name": "sum.c", "content": "#include <stdio.h>\nint main(void) { /* … */ }\n"}],
        "stdin": "2 3\n",
        "limits": {"cpu_seconds": 2, "memory_bytes": 134217728},
    },
    "cases": {
        "language": "python",
        "files": [{"content": "print(sum(map(int, input().split())))\n"}],
        "cases": [
            {"name": "small", "stdin": "2 3\n", "expected_stdout": "5\n"},
            {"name": "negative", "stdin": "-2 3\n", "expected_stdout": "1\n"},
        ],
    },
}


def operation_id(route: APIRoute) -> str:
    """The name of a route's function, which is what a client that was made from the document calls it."""
    return route.name


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of a route's problems."""
    titles: dict[int, list[str]] = {}
    for problem in PROBLEMS:
        titles.setdefault(problem.status, []).append(problem.title)
    content = {type_of_problem: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "; ".join(titles[status]), "content": content} for status in statuses}


def submission_body() -> dict[str, Any]:
    """The documentation of a submission as the body of a request."""
    schema = {"$ref": "#/components/schemas/SubmissionRequest"}
    content = {"schema": schema, "examples": {name: {"value": value} for name, value in _EXAMPLES.items()}}
    return {"requestBody": {"required": True, "content": {type_of_json: content}}}


def event_stream() -> dict[int | str, dict[str, Any]]:
    """The documentation of a stream of events."""
    document = {"schema": {"$ref": "#/components/schemas/Event"}}
    content = {type_of_sse: document, type_of_ndjson: document}
    return {
        200: {"description": "One event after the other, as they come.", "content": content},
        204: {"description": "It has ended, and the client has had it all."},
    }


def feed() -> dict[int | str, dict[str, Any]]:
    """The documentation of the stream of everything that happens."""
    document = {"schema": {"$ref": "#/components/schemas/FeedEvent"}}
    content = {type_of_sse: document, type_of_ndjson: document}
    return {200: {"description": "One event after the other, without an end.", "content": content}}


def with_our_errors(app: FastAPI) -> Any:
    """FastAPI documents its own shape of validation errors, which this application never sends; ours are added
    instead.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document["components"]["schemas"]
            for name, shape in _SHAPES.items():
                schema = shape.json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[name] = schema
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            describe(schemas)
            document["x-websockets"] = _WEBSOCKETS
            app.openapi_schema = document
        return app.openapi_schema

    return openapi
