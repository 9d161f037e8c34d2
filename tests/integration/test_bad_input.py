"""Whatever is wrong with a request: the answer is a problem that says what to mend, and nothing was created."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from ccx.wire import Health, Problem
from tests.support.node import NodeProcess, SandboxWatch

pytestmark = pytest.mark.docker

SUBMISSIONS = "/v1/submissions"
JSON = {"content-type": "application/json"}
MIB = 1 << 20
PROGRAM: dict[str, Any] = {"language": "python", "files": [{"name": "main.py", "content": "print('ran')\n"}]}


@pytest.fixture(scope="module")
def node_of_this_module(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Starts nothing ahead: whatever it makes, it makes for a submission."""
    with NodeProcess(f"{suite}-bad-input", tmp_path_factory.mktemp("bad-input"), "2", CCX_POOL="false") as node:
        yield node


@pytest.fixture(scope="module")
def watch(node_of_this_module: NodeProcess) -> Iterator[SandboxWatch]:
    """Sees every sandbox that is made while this module's tests run: there must be none."""
    with SandboxWatch(node_of_this_module.name) as watch:
        yield watch
    assert watch.count("create") == 0


@pytest.fixture
async def http(node_of_this_module: NodeProcess, watch: SandboxWatch) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=node_of_this_module.url, timeout=30) as http:
        yield http
        health = Health.model_validate_json((await http.get("/healthz")).content)
        assert (health.running, health.queued, health.status) == (0, 0, "ok")


def is_problem(answer: httpx2.Response, status: int, kind: str) -> Problem:
    """The document in the answer, which must be a problem of that kind and complete."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    raw = answer.json()
    assert {"type", "title", "status", "detail"} <= set(raw)
    problem = Problem.model_validate(raw)
    assert problem.status == status
    assert problem.type == f"urn:ccx:problem:{kind}"
    assert problem.title
    assert problem.detail
    return problem


async def post(http: httpx2.AsyncClient, body: Any) -> httpx2.Response:
    return await http.post(SUBMISSIONS, content=json.dumps(body), headers=JSON)


def with_files(*names: str) -> dict[str, Any]:
    return PROGRAM | {"files": [{"name": name, "content": ""} for name in names]}


def with_limits(**limits: Any) -> dict[str, Any]:
    return PROGRAM | {"limits": limits}


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in PROGRAM.items() if name != field}


def with_file(**fields: Any) -> dict[str, Any]:
    return PROGRAM | {"files": [{"name": "main.py", "content": ""} | fields]}


def case(**fields: Any) -> dict[str, Any]:
    return PROGRAM | {"cases": [{}, fields]}


# What is wrong, the body, and the field that the answer must name.
BAD_BODIES: dict[str, tuple[Any, str]] = {
    "no language": (without("language"), "language"),
    "an empty language": (PROGRAM | {"language": ""}, "language"),
    "a language that is a number": (PROGRAM | {"language": 3}, "language"),
    "no files": (without("files"), "files"),
    "an empty list of files": (PROGRAM | {"files": []}, "files"),
    "files that are no list": (PROGRAM | {"files": {"main.py": ""}}, "files"),
    "too many files": (with_files(*(f"{number}.py" for number in range(257))), "files"),
    "a file without content": (PROGRAM | {"files": [{"name": "main.py"}]}, "files.0.content"),
    "content that is a number": (with_file(content=1), "files.0.content"),
    "an empty name": (with_files(""), "files.0.name"),
    "a name given twice": (with_files("main.py", "other.py", "main.py"), "files"),
    "several files, one without a name": (
        PROGRAM | {"files": [{"content": ""}, {"name": "a", "content": ""}]},
        "files",
    ),
    "an absolute path": (with_files("/etc/passwd"), "files.0.name"),
    "a path that leads up": (with_files("main.py", "../up.py"), "files.1.name"),
    "a path that leads up in its middle": (with_files("a/../../up.py"), "files.0.name"),
    "a path with a dot": (with_files("./main.py"), "files.0.name"),
    "a path with an empty part": (with_files("a//main.py"), "files.0.name"),
    "a path that ends in a slash": (with_files("a/"), "files.0.name"),
    "a NUL in a name": (with_files("main\0.py"), "files.0.name"),
    "a line end in a name": (with_files("main\n.py"), "files.0.name"),
    "an escape in a name": (with_files("\x1b[31m.py"), "files.0.name"),
    "a DEL in a name": (with_files("main\x7f.py"), "files.0.name"),
    "a part of a name that no file system takes": (with_files("ä" * 128), "files.0.name"),
    "a name that is too long": (with_files("/".join(["a" * 100] * 11)), "files.0.name"),
    "a name that is both a file and a folder": (with_files("a", "a/b.py"), "files"),
    "content that is not base64": (with_file(content="%%%%", encoding="base64"), "files.0"),
    "content that is base64 without its padding": (with_file(content="YQ", encoding="base64"), "files.0"),
    "content that is base64 with something between": (with_file(content="YQ\n==", encoding="base64"), "files.0"),
    "an unknown encoding": (with_file(encoding="utf-16"), "files.0.encoding"),
    "input that is not base64": (PROGRAM | {"stdin": "?", "stdin_encoding": "base64"}, "stdin"),
    "an entrypoint that is not there": (PROGRAM | {"entrypoint": "other.py"}, "entrypoint"),
    "an entrypoint that leads up": (PROGRAM | {"entrypoint": "../main.py"}, "entrypoint"),
    "arguments that are no list": (PROGRAM | {"args": "-x"}, "args"),
    "an argument that is a number": (PROGRAM | {"args": [1]}, "args.0"),
    "an argument with a NUL": (PROGRAM | {"args": ["a\0b"]}, "args.0"),
    "too many arguments": (PROGRAM | {"args": ["x"] * 257}, "args"),
    "arguments that are too long": (PROGRAM | {"args": ["x" * 16_384]}, "args"),
    "compiler arguments without a compiler": (PROGRAM | {"compile_args": ["-O2"]}, "compile_args"),
    "too many cases": (PROGRAM | {"cases": [{}] * 1001}, "cases"),
    "cases that are no list": (PROGRAM | {"cases": {}}, "cases"),
    "cases and input beside them": (PROGRAM | {"stdin": "1", "cases": [{}]}, "cases"),
    "cases and arguments beside them": (PROGRAM | {"args": ["1"], "cases": [{}]}, "cases"),
    "a case with an unknown field": (case(input="1"), "cases.1.input"),
    "a case whose input is not base64": (case(stdin="?", stdin_encoding="base64"), "cases.1"),
    "a case with an argument that is a NUL": (case(args=["\0"]), "cases.1.args.0"),
    "a case with a name that is too long": (case(name="x" * 201), "cases.1.name"),
    "an artifact that leads up": (PROGRAM | {"artifacts": ["../../etc/passwd"]}, "artifacts.0"),
    "an artifact with an absolute path": (PROGRAM | {"artifacts": ["/etc/passwd"]}, "artifacts.0"),
    "too many artifacts": (PROGRAM | {"artifacts": [str(number) for number in range(33)]}, "artifacts"),
    "an unknown field": (PROGRAM | {"langauge": "c"}, "langauge"),
    "an unknown field of a file": (with_file(path="x"), "files.0.path"),
    "an unknown limit": (with_limits(cpu=1), "limits.cpu"),
    "limits that are no object": (PROGRAM | {"limits": [1]}, "limits"),
    "a negative time": (with_limits(cpu_seconds=-1), "limits.cpu_seconds"),
    "no time at all": (with_limits(wall_seconds=0), "limits.wall_seconds"),
    "a time that is a text": (with_limits(cpu_seconds="1"), "limits.cpu_seconds"),
    "a time that is true": (with_limits(cpu_seconds=True), "limits.cpu_seconds"),
    "an absurd time": (with_limits(wall_seconds=1e300), "limits.wall_seconds"),
    "a time above the ceiling": (with_limits(cpu_seconds=60.5), "limits.cpu_seconds"),
    "no memory": (with_limits(memory_bytes=0), "limits.memory_bytes"),
    "negative memory": (with_limits(memory_bytes=-1), "limits.memory_bytes"),
    "memory in pieces": (with_limits(memory_bytes=1e8 + 0.5), "limits.memory_bytes"),
    "absurd memory": (with_limits(memory_bytes=10**30), "limits.memory_bytes"),
    "memory above the ceiling": (with_limits(memory_bytes=4096 * MIB), "limits.memory_bytes"),
    "memory below the lowest": (with_limits(memory_bytes=MIB), "limits.memory_bytes"),
    "no processes": (with_limits(processes=0), "limits.processes"),
    "processes above the ceiling": (with_limits(processes=100_000), "limits.processes"),
    "no output": (with_limits(output_bytes=0), "limits.output_bytes"),
    "output above the ceiling": (with_limits(output_bytes=1 << 40), "limits.output_bytes"),
    "no file": (with_limits(file_bytes=0), "limits.file_bytes"),
    "a file above the ceiling": (with_limits(file_bytes=1 << 62), "limits.file_bytes"),
    "a flag that is a text": (PROGRAM | {"stop_on_failure": "yes"}, "stop_on_failure"),
    "a list": ([], "body"),
    "a text": ("python", "body"),
    "null": (None, "body"),
}


@pytest.mark.parametrize(("body", "field"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
async def test_a_request_that_makes_no_sense_is_refused_by_the_field_to_mend(
    http: httpx2.AsyncClient, body: Any, field: str
) -> None:
    problem = is_problem(await post(http, body), 422, "invalid-submission")

    assert field in {error.field for error in problem.errors}, problem
    assert all(error.message for error in problem.errors)


async def test_an_unknown_language_is_refused_with_those_there_are(http: httpx2.AsyncClient) -> None:
    problem = is_problem(await post(http, PROGRAM | {"language": "cobol"}), 422, "unknown-language")

    assert "'cobol'" in problem.detail
    assert "c, java, python" in problem.detail
    assert [error.field for error in problem.errors] == ["language"]


async def test_everything_that_is_wrong_is_named_at_once(http: httpx2.AsyncClient) -> None:
    body = {"language": "python", "files": [{"name": "/a", "content": 1}], "limits": {"cpu_seconds": 0}, "more": 1}

    problem = is_problem(await post(http, body), 422, "invalid-submission")

    fields = {error.field for error in problem.errors}
    assert fields >= {"files.0.name", "files.0.content", "limits.cpu_seconds", "more"}


async def test_all_limits_above_the_ceiling_are_named_at_once(http: httpx2.AsyncClient) -> None:
    body = with_limits(cpu_seconds=1000, memory_bytes=1, processes=10_000)

    problem = is_problem(await post(http, body), 422, "invalid-submission")

    fields = {error.field for error in problem.errors}
    assert fields == {"limits.cpu_seconds", "limits.memory_bytes", "limits.processes"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "not json",
        '{"language": "python",}',
        '{"language": "python"} {}',
        "\ufeff{}",
        '{"language": "python", "files": [{"content": "\\ud800"}]}',
        '{"language": "python", "files": [{"content": ""}], "args": ["\\udfff"]}',
        '{"language": "python", "files": [{"content": ""}], "limits": {"cpu_seconds": 1e999}}',
        '{"language": "python", "files": [{"content": ""}], "limits": {"cpu_seconds": NaN}}',
        '{"language": "python", "files": [{"content": ""}], "limits": {"wall_seconds": Infinity}}',
        '{"language": "python", "files": [{"content": ""}], "limits": {"wall_seconds": -Infinity}}',
        '{"language": "python", "files": [{"content": ""}], "limits": {"memory_bytes": 1' + "0" * 5000 + "}}",
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        '{"language": "python", "files": [{"content": ""}], "x": ' + "[" * 150 + "]" * 150 + "}",
    ],
    ids=lambda text: text[:40] + ("…" if len(text) > 40 else ""),
)
async def test_what_is_no_json_or_no_json_of_ours_is_refused(http: httpx2.AsyncClient, text: str) -> None:
    answer = await http.post(SUBMISSIONS, content=text.encode(), headers=JSON)

    problem = is_problem(answer, 422, "invalid-submission")
    assert problem.errors


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe{}", b'{"language": "\xff"}', b"\0" * 100, "{}".encode("utf-16")],
    ids=["not UTF-8", "not UTF-8 within", "zeros", "UTF-16"],
)
async def test_bytes_that_are_no_text_are_refused(http: httpx2.AsyncClient, body: bytes) -> None:
    problem = is_problem(await http.post(SUBMISSIONS, content=body, headers=JSON), 422, "invalid-submission")

    assert [error.field for error in problem.errors] == ["body"]


async def test_a_lone_surrogate_in_any_text_is_refused(http: httpx2.AsyncClient) -> None:
    lone = "\ud800"
    bodies = [
        PROGRAM | {"stdin": lone},
        PROGRAM | {"language": lone},
        PROGRAM | {"entrypoint": lone},
        with_file(content=lone),
        with_file(name=lone),
        case(expected_stdout=lone),
        case(name=lone),
        PROGRAM | {lone: 1},
    ]
    for body in bodies:
        is_problem(await post(http, body), 422, "invalid-submission")


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_a_body_that_is_too_large_is_refused(http: httpx2.AsyncClient, chunked: bool) -> None:
    size = 33 * MIB

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(33):
            yield b" " * MIB

    answer = await http.post(SUBMISSIONS, content=chunks() if chunked else b" " * size, headers=JSON)

    problem = is_problem(answer, 413, "body-too-large")
    assert "33554432 bytes" in problem.detail


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "json",
        ";",
        "application/json\xff",
        "text/html, application/json",
    ],
)
async def test_another_content_type_is_refused(http: httpx2.AsyncClient, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode("latin-1"))]

    problem = is_problem(
        await http.post(SUBMISSIONS, content=json.dumps(PROGRAM).encode(), headers=headers),
        415,
        "unsupported-media-type",
    )

    assert "'application/json'" in problem.detail


async def test_a_missing_content_type_is_refused(http: httpx2.AsyncClient) -> None:
    request = http.build_request("POST", SUBMISSIONS, content=json.dumps(PROGRAM).encode())
    request.headers.pop("content-type", None)

    problem = is_problem(await http.send(request), 415, "unsupported-media-type")

    assert "missing" in problem.detail


async def test_a_parameter_of_the_query_that_makes_no_sense_is_refused(http: httpx2.AsyncClient) -> None:
    answer = await http.post(f"{SUBMISSIONS}?wait=perhaps", content=json.dumps(PROGRAM), headers=JSON)

    problem = is_problem(answer, 422, "invalid-submission")
    assert [error.field for error in problem.errors] == ["query.wait"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_id_that_nothing_has_is_not_found(http: httpx2.AsyncClient, method: str) -> None:
    unknown = "0" * 32

    problem = is_problem(await http.request(method, f"{SUBMISSIONS}/{unknown}"), 404, "submission-not-found")

    assert unknown in problem.detail


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "malformed", ["1", "x" * 32, "0" * 31, "0" * 33, "A" * 32, "%00", "0" * 32 + "%0A", "..%2f..", "é"]
)
async def test_a_malformed_id_is_refused(http: httpx2.AsyncClient, method: str, malformed: str) -> None:
    answer = await http.request(method, f"{SUBMISSIONS}/{malformed}")

    assert answer.status_code in {404, 422}
    is_problem(answer, answer.status_code, {404: "not-found", 422: "invalid-submission"}[answer.status_code])


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/submission", "/v2/submissions", "/v1/submissions/a/b", "/.env", "/s/", "/%00"]
)
async def test_an_address_with_nothing_there_is_not_found(http: httpx2.AsyncClient, path: str) -> None:
    is_problem(await http.get(path), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", SUBMISSIONS, "POST"),
        ("PUT", SUBMISSIONS, "POST"),
        ("DELETE", SUBMISSIONS, "POST"),
        ("POST", f"{SUBMISSIONS}/{'0' * 32}", "GET"),
        ("POST", "/v1/languages", "GET"),
        ("DELETE", "/healthz", "GET"),
    ],
)
async def test_a_method_that_an_address_does_not_take_is_refused_with_those_it_does(
    http: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await http.request(method, path)

    is_problem(answer, 405, "method-not-allowed")
    assert allowed in answer.headers["allow"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "BREW"])
async def test_unusual_methods_are_answered_and_never_a_fault(http: httpx2.AsyncClient, method: str) -> None:
    for path in (SUBMISSIONS, "/healthz", "/nothing"):
        assert (await http.request(method, path)).status_code < 500


async def test_a_good_request_after_all_these_would_be_taken(http: httpx2.AsyncClient) -> None:
    """The other tests prove little if the program itself were refused: with one field less wrong it is not."""
    problem = is_problem(await post(http, PROGRAM | {"more": 1}), 422, "invalid-submission")

    assert [error.field for error in problem.errors] == ["more"]
