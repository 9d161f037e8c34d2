"""`/openapi.json` is what generators of clients are made for: valid, and nothing in it without a word."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate

from ccx.events import type_of_ndjson
from ccx.wire import type_of_problem
from tests.unit.test_api_fuzz import make_app

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return make_app().openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_every_field_and_every_operation_has_a_description(document: dict[str, Any]) -> None:
    fields = [
        f"{schema}.{name}"
        for schema, shape in document["components"]["schemas"].items()
        for name, field in shape.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    assert fields == []
    assert [name for name, operation in operations(document) if not operation.get("description")] == []


def test_operations_have_names_that_make_good_code(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    assert {"submit", "get_submission", "list_submissions", "list_languages", "get_health"} <= set(names)


def test_every_operation_with_a_parameter_declares_that_it_may_be_refused(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        takes = operation.get("parameters", []) or operation.get("requestBody")
        if takes:
            assert type_of_problem in operation["responses"]["422"]["content"], name


def test_streams_are_declared(document: dict[str, Any]) -> None:
    answers = document["paths"]["/v1/submissions/{submission_id}/events"]["get"]["responses"]
    assert type_of_ndjson in answers["200"]["content"]


def test_what_is_said_on_websockets_is_declared(document: dict[str, Any]) -> None:
    told = document["x-websockets"]["/v1/interactive"]
    schemas = document["components"]["schemas"]
    for side, kinds in (("client", {"start", "input", "resize"}), ("node", {"output", "credit", "refused"})):
        schema = schemas[told[side]["$ref"].rpartition("/")[2]]
        assert kinds <= set(schema["discriminator"]["mapping"])
