"""The table between errors and problem documents."""

from __future__ import annotations

import pytest

from ccx import errors
from ccx.errors import PROBLEMS, ProblemError, UnexpectedAnswer, from_problem, to_problem
from ccx.wire import FieldError, Problem


@pytest.mark.parametrize("kind", PROBLEMS)
def test_every_error_of_the_table_comes_back_as_itself(kind: type[ProblemError]) -> None:
    sent = kind("What happened.", (FieldError(field="files", message="too many"),), 1.5)
    document = Problem.model_validate_json(to_problem(sent).model_dump_json())
    received = from_problem(document)
    assert type(received) is kind
    assert isinstance(received, ProblemError)
    assert (received.detail, received.errors, received.retry_after_seconds) == (
        sent.detail,
        sent.errors,
        sent.retry_after_seconds,
    )
    assert str(received) == "What happened."


@pytest.mark.parametrize("kind", PROBLEMS)
def test_every_document_says_its_kind_its_status_and_its_title(kind: type[ProblemError]) -> None:
    document = to_problem(kind("What happened."))
    assert document.type == f"urn:ccx:problem:{kind.slug}"
    assert (document.status, document.title) == (kind.status, kind.title)
    assert 400 <= document.status < 600


def test_every_kind_of_problem_is_in_the_table() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProblemError)}
    assert set(PROBLEMS) == kinds - {ProblemError}


@pytest.mark.parametrize("column", ["slug", "title", "__name__"])
def test_every_row_of_the_table_is_unique(column: str) -> None:
    values = [getattr(kind, column) for kind in PROBLEMS]
    assert len(set(values)) == len(values)


def test_a_problem_this_client_does_not_know_is_an_unexpected_answer_that_names_it() -> None:
    unknown = Problem(type="urn:ccx:problem:new", title="Something new", status=400, detail="…")
    error = from_problem(unknown)
    assert isinstance(error, UnexpectedAnswer)
    assert "Something new" in str(error)
