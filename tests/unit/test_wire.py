"""The models of the wire: what they refuse, and that what they take arrives as it was sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ccx import wire
from ccx.cli.output.exit_codes import of_submission
from ccx.cli.output.verdict_line import verdict_line
from ccx.wire import (
    CaseRequest,
    CaseResult,
    LimitOverrides,
    SourceFile,
    State,
    Submission,
    SubmissionRequest,
    Verdict,
    decode,
    encode,
)
from ccx.words import Words

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
SEGMENT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20
).filter(lambda segment: segment not in {".", ".."} and len(segment.encode()) <= wire.MAX_SEGMENT_BYTES)
NAME = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
ARGUMENT = TEXT.filter(lambda text: "\0" not in text)


@st.composite
def submissions(draw: st.DrawFn) -> SubmissionRequest:
    content, encoding = encode(draw(st.binary(max_size=200)))
    stdin, stdin_encoding = encode(draw(st.binary(max_size=200)))
    return SubmissionRequest(
        language=draw(st.text(min_size=1, max_size=10)),
        files=(SourceFile(name=draw(NAME), content=content, encoding=encoding),),
        compile_args=tuple(draw(st.lists(ARGUMENT, max_size=5))),
        limits=LimitOverrides(cpu_seconds=draw(st.floats(0.001, 1000)), memory_bytes=draw(st.integers(1, 2**60))),
        cases=(
            CaseRequest(
                stdin=stdin,
                stdin_encoding=stdin_encoding,
                args=tuple(draw(st.lists(ARGUMENT, max_size=5))),
                expected_stdout=draw(st.none() | TEXT),
            ),
        ),
        artifacts=tuple(draw(st.lists(NAME, max_size=3))),
    )


def request_with(**fields: Any) -> SubmissionRequest:
    return SubmissionRequest.model_validate({"language": "c", "files": [{"content": "x"}]} | fields)


@given(st.binary())
def test_any_bytes_survive_encoding_and_decoding(data: bytes) -> None:
    assert decode(*encode(data)) == data


@given(st.binary())
def test_bytes_go_as_text_exactly_where_they_are_utf_8(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        assert encode(data)[1] == "base64"
    else:
        assert encode(data) == (text, "utf-8")


@given(submissions())
def test_a_submission_arrives_as_it_was_sent(request: SubmissionRequest) -> None:
    assert SubmissionRequest.model_validate_json(request.model_dump_json()) == request


@given(submissions())
def test_a_submission_arrives_as_it_was_sent_without_its_defaults(request: SubmissionRequest) -> None:
    assert SubmissionRequest.model_validate_json(request.model_dump_json(exclude_defaults=True)) == request


def test_language_and_one_file_are_all_that_is_required() -> None:
    request = SubmissionRequest.model_validate_json('{"language": "c", "files": [{"content": "int main;"}]}')
    assert request.files[0].data() == b"int main;"


def test_bytes_of_files_and_stdin_are_read_in_their_encoding() -> None:
    request = request_with(files=[{"content": "AP8=", "encoding": "base64"}], stdin="DQo=", stdin_encoding="base64")
    assert (request.files[0].data(), request.stdin_data()) == (b"\0\xff", b"\r\n")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("/etc/passwd", "must be relative"),
        ("../secret", "'..' parts"),
        ("a/../../b", "'..' parts"),
        ("a//b", "empty"),
        ("a/", "empty"),
        ("./a", "'.'"),
        ("", "at least 1 character"),
        ("a\nb", "control characters"),
        ("a\0b", "control characters"),
        ("a\x7fb", "control characters"),
        ("x" * 256, "longer than 255 bytes"),
        ("é" * 128, "longer than 255 bytes"),
        ("/".join(["x" * 200] * 6), "at most 1024 bytes"),
    ],
)
@pytest.mark.parametrize("place", ["files", "artifacts", "entrypoint"])
def test_names_that_leave_the_work_directory_or_cannot_be_written_are_refused(
    place: str, name: str, complaint: str
) -> None:
    fields = {"files": [{"name": name, "content": ""}], "artifacts": [name], "entrypoint": name}
    with pytest.raises(ValidationError, match=complaint) as caught:
        request_with(**{place: fields[place]})
    assert caught.value.errors()[0]["loc"][0] == place


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"files": []}, "at least 1 item"),
        ({"files": [{"content": "x"}] * 257}, "at most 256 items"),
        ({"files": [{"content": "a"}, {"name": "b", "content": "b"}]}, "every file needs a name"),
        ({"files": [{"name": "a", "content": ""}] * 2}, "'a' is given twice"),
        ({"files": [{"name": "a/b", "content": ""}, {"name": "a", "content": ""}]}, "both a file and the directory"),
        ({"files": [{"name": "a", "content": ""}], "entrypoint": "b"}, "'b' is not the name of one of the files"),
        ({"files": [{"content": "%", "encoding": "base64"}]}, "content: is not valid base64"),
        ({"files": [{"content": "x", "encoding": "latin-1"}]}, "utf-8"),
        ({"stdin": "%", "stdin_encoding": "base64"}, "stdin: is not valid base64"),
        ({"args": ["a\0b"]}, "NUL"),
        ({"args": ["x" * 16_384]}, "at most 16384 bytes together"),
        ({"compile_args": [""] * 257}, "at most 256 items"),
        ({"cases": [{}], "stdin": "1"}, "inside the cases"),
        ({"cases": [{}], "args": ["1"]}, "inside the cases"),
        ({"cases": [{}] * 1001}, "at most 1000 items"),
        ({"limits": {"cpu_seconds": 0}}, "greater than 0"),
        ({"limits": {"wall_seconds": float("inf")}}, "finite"),
        ({"limits": {"memory_bytes": 1.5}}, "valid integer"),
        ({"limits": {"memory_bytes": -1}}, "greater than 0"),
        ({"limits": {"memory": 1}}, "Extra inputs"),
        ({"languages": "c"}, "Extra inputs"),
        ({"stop_on_failure": "yes"}, "valid boolean"),
        ({"language": ""}, "at least 1 character"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_the_reason(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        request_with(**fields)


def test_requests_cannot_be_changed_once_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        request_with().language = "java"  # type: ignore[misc]


def test_an_answer_of_a_newer_node_is_understood() -> None:
    submission = Submission.model_validate_json(
        '{"id": "1", "state": "done", "language": "c", "created_at": "2024-01-01T00:00:00Z", "colour": "blue"}'
    )
    assert submission.state is wire.State.DONE


def test_a_verdict_of_a_later_release_is_understood_as_a_failure() -> None:
    answer = {
        "id": "0" * 32,
        "state": "done",
        "verdict": "teapot",
        "language": "c",
        "created_at": "2026-01-01T00:00:00Z",
        "cases": [{"name": "1", "verdict": "teapot"}],
    }
    found = Submission.model_validate_json(json.dumps(answer))
    assert (found.verdict, found.cases[0].verdict) == ("teapot", "teapot")
    assert found.verdict not in set(Verdict)
    assert json.loads(found.model_dump_json())["verdict"] == "teapot"
    assert Submission.model_validate_json(found.model_dump_json()) == found
    assert of_submission(found) == 1
    assert "ccx: teapot" in verdict_line(found)
    assert Words("en")("verdict.tea_pot") == "tea pot"
    with pytest.raises(ValidationError):
        TypeAdapter(Verdict).validate_python("teapot")


def test_results_are_shown_in_a_line_and_in_notebooks() -> None:
    case = CaseResult(name="<b>", verdict=Verdict.RUNTIME_ERROR, stdout="<script>x</script>", stderr="e" * 300)
    waits = Submission(id="a" * 32, state=State.QUEUED, language="c", created_at=datetime.now(UTC))
    ended = {"state": State.DONE, "verdict": Verdict.RUNTIME_ERROR, "message": "It <exited>.", "cases": (case, case)}
    result = waits.model_copy(update=ended)
    told = "<Submission …aaaaaaaa runtime_error It <exited>. stdout='<script>x</script>' stderr='eee"
    assert repr(result).startswith(told)
    assert len(repr(result)) < 400
    page = result._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "It &lt;exited&gt;." in page
    assert page.count("&lt;b&gt; runtime_error") == 2
    assert repr(waits) == "<Submission …aaaaaaaa queued>"
