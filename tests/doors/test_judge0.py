"""Judge0's own client against a real node, and what it cannot show, by hand."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import judge0  # type: ignore[import-untyped]
import pytest
from judge0.base_types import Config  # type: ignore[import-untyped]

from tests.support.node import DEADLINE_SECONDS, NodeProcess, StartsNodes, eventually
from tests.support.tokens import token_of

pytestmark = pytest.mark.docker

C, JAVA, PYTHON, MULTI_FILE = 50, 62, 71, 89
STDIO = "#include <stdio.h>\n"
SUM = "print(sum(map(int, input().split())))"


@pytest.fixture
def sdk(session_node: NodeProcess) -> Iterator[judge0.Client]:
    client = judge0.Client(f"{session_node.url}/judge0", {})
    yield client
    client.client.close()


@pytest.fixture
async def http(session_node: NodeProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{session_node.url}/judge0", timeout=DEADLINE_SECONDS) as http:
        yield http


async def run(http: httpx2.AsyncClient, source: str, language: int = PYTHON, **fields: Any) -> Any:
    body = {"source_code": source, "language_id": language} | fields
    answer = await http.post("/submissions", params={"wait": "true", "fields": "*"}, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_client_runs_a_program(sdk: judge0.Client) -> None:
    result = judge0.run(client=sdk, source_code="print('hello, world')", language=judge0.PYTHON)
    assert (result.stdout, result.status) == ("hello, world\n", judge0.Status.ACCEPTED)
    assert (result.exit_code, result.memory > 1000, result.time < 5) == (0, True, True)
    assert result.finished_at >= result.created_at


def test_the_client_runs_test_cases_of_several_programs(sdk: judge0.Client) -> None:
    cases = [("1 2", "3"), ("20 22", "42"), ("1 1", "3")]
    submission = judge0.Submission(source_code=SUM, language=judge0.PYTHON)
    results = judge0.run(client=sdk, submissions=submission, test_cases=cases)
    assert [result.status for result in results] == [
        judge0.Status.ACCEPTED,
        judge0.Status.ACCEPTED,
        judge0.Status.WRONG_ANSWER,
    ]


def test_the_client_has_files_beside_its_program(sdk: judge0.Client) -> None:
    files = judge0.Filesystem(content=[judge0.File(name="my_dir1/my_file1.txt", content="hello from a file")])
    source = "print(open('my_dir1/my_file1.txt').read())"
    result = judge0.run(client=sdk, source_code=source, language=judge0.PYTHON, additional_files=files)
    assert result.stdout == "hello from a file\n", result


def test_the_client_is_told_languages_statuses_and_settings(sdk: judge0.Client) -> None:
    assert {language.id for language in sdk.get_languages()} == {C, JAVA, PYTHON, MULTI_FILE}
    assert sdk.get_language(PYTHON).name.startswith("Python (Python 3.")
    assert [status["id"] for status in sdk.get_statuses()] == list(range(1, 15))
    assert isinstance(sdk.get_config_info(), Config)
    assert sdk.get_config_info().max_cpu_time_limit == 60
    assert sdk.version == "1.13.1"


@pytest.mark.parametrize(
    ("language", "source", "fields", "status", "stdout"),
    [
        (PYTHON, "print(input())", {"stdin": "x"}, "Accepted", "x\n"),
        (
            PYTHON,
            "import sys; print(sys.argv[1:])",
            {"command_line_arguments": "a 'b c'"},
            "Accepted",
            "['a', 'b c']\n",
        ),
        (PYTHON, "print(1)", {"expected_output": "2"}, "Wrong Answer", "1\n"),
        (PYTHON, "print('a  ')", {"expected_output": "a"}, "Accepted", "a  \n"),
        (PYTHON, "while True: pass", {"cpu_time_limit": 0.3}, "Time Limit Exceeded", None),
        (PYTHON, "import time; time.sleep(9)", {"wall_time_limit": 1}, "Time Limit Exceeded", None),
        (PYTHON, "raise SystemExit(3)", {}, "Runtime Error (NZEC)", None),
        (PYTHON, "x = 'x' * 10**9", {"memory_limit": 65536}, "Runtime Error (Other)", None),
        (C, "int main(void) { *(volatile int *)0 = 1; }", {}, "Runtime Error (SIGSEGV)", None),
        (C, "#include <stdlib.h>\nint main(void) { abort(); }", {}, "Runtime Error (SIGABRT)", None),
        (C, "int main(void) { volatile int a = 7, zero = 0; return a / zero; }", {}, "Runtime Error (SIGFPE)", None),
        (C, "int main(void) { return X; }", {"compiler_options": "-DX=0"}, "Accepted", None),
        (C, "int main(void) { return nothing; }", {}, "Compilation Error", None),
        (JAVA, "class A { public static void main(String[] a) { System.out.print(7); } }", {}, "Accepted", "7"),
    ],
)
async def test_a_program_has_the_status_of_judge0(
    http: httpx2.AsyncClient, language: int, source: str, fields: dict[str, Any], status: str, stdout: str | None
) -> None:
    result = await run(http, source, language, **fields)
    assert (result["status"]["description"], result["stdout"]) == (status, stdout), result
    assert bool(result["compile_output"]) is (status == "Compilation Error")


async def test_what_was_asked_for_is_told_again_and_fields_are_chosen(http: httpx2.AsyncClient) -> None:
    made = await http.post("/submissions/", json={"source_code": SUM, "language_id": PYTHON, "stdin": "1 2"})
    assert (made.status_code, set(made.json())) == (201, {"token"})
    token = made.json()["token"]

    async def has_ended() -> bool:
        answer = await http.get(f"/submissions/{token}", params={"fields": "status_id"})
        return bool(answer.json()["status_id"] > 2)

    await eventually(has_ended, "its end")
    usual = (await http.get(f"/submissions/{token}")).json()
    assert set(usual) == {"stdout", "time", "memory", "stderr", "token", "compile_output", "message", "status"}
    assert (usual["stdout"], usual["stderr"], float(usual["time"]) >= 0) == ("3\n", None, True)
    whole = (await http.get(f"/submissions/{token}", params={"fields": "*", "base64_encoded": "true"})).json()
    assert base64.b64decode(whole["source_code"]).decode() == SUM
    assert (whole["language_id"], whole["language"]["id"], base64.b64decode(whole["stdin"])) == (PYTHON, PYTHON, b"1 2")
    unknown = await http.get(f"/submissions/{token}", params={"fields": "colour"})
    assert (unknown.status_code, unknown.json()) == (400, {"error": "invalid fields: [colour]"})
    assert (await http.delete(f"/submissions/{token}")).json() == {"error": "delete not allowed"}
    assert (await http.get("/submissions/0" * 16)).status_code == 404
    listed = (await http.get("/submissions", params={"per_page": "1"})).json()
    assert (len(listed["submissions"]), listed["meta"]["current_page"]) == (1, 1)


async def test_outputs_are_joined_as_they_came_and_runs_repeated(http: httpx2.AsyncClient) -> None:
    source = """
import sys, time
for word in "abc":
    for stream, text in (sys.stdout, word), (sys.stderr, word.upper()):
        print(text, file=stream, flush=True)
        time.sleep(0.1)  # what comes at the same moment comes through two pipes
"""
    joined = await run(http, source, redirect_stderr_to_stdout=True, number_of_runs=3)
    assert (joined["stdout"], joined["stderr"], joined["number_of_runs"]) == ("a\nA\nb\nB\nc\nC\n", None, 3)
    assert joined["redirect_stderr_to_stdout"] is True


async def test_bytes_that_are_no_text_need_base64(http: httpx2.AsyncClient) -> None:
    source = r"import sys; sys.stdout.buffer.write(b'\xff')"
    body = {"source_code": source, "language_id": PYTHON}
    told = (await http.post("/submissions", params={"wait": "true"}, json=body)).json()
    assert set(told) == {"token", "error"}
    encoded = {
        key: base64.b64encode(value.encode()).decode() if isinstance(value, str) else value
        for key, value in body.items()
    }
    query = {"wait": "true", "base64_encoded": "true"}
    whole = (await http.post("/submissions", params=query, json=encoded)).json()
    assert base64.b64decode(whole["stdout"]) == b"\xff"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"source_code": "x"}, {"language_id": ["can't be blank"]}),
        ({"language_id": PYTHON}, {"source_code": ["can't be blank"]}),
        ({"source_code": "x", "language_id": 150000}, {"language_id": ["language with id 150000 doesn't exist"]}),
        (
            {"source_code": "x", "language_id": PYTHON, "wall_time_limit": 151},
            {"wall_time_limit": ["must be less than or equal to 120"]},
        ),
        (
            {"source_code": "x", "language_id": PYTHON, "memory_limit": 1},
            {"memory_limit": ["must be greater than or equal to 2048"]},
        ),
        (
            {"source_code": "x", "language_id": PYTHON, "enable_network": True},
            {"enable_network": ["enabling network is not allowed"]},
        ),
        (
            {"source_code": "x", "language_id": PYTHON, "additional_files": "eA=="},
            {"additional_files": ["is not a valid zip archive in base64"]},
        ),
    ],
)
async def test_what_is_wrong_is_said_by_its_field(http: httpx2.AsyncClient, body: Any, told: Any) -> None:
    answer = await http.post("/submissions", json=body)
    assert (answer.status_code, answer.json()) == (422, told)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_is_told(http: httpx2.AsyncClient, body: bytes) -> None:
    answer = await http.post("/submissions", content=body)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})


async def test_a_zip_leads_nowhere_else_and_is_bounded(http: httpx2.AsyncClient) -> None:
    for name, size in (("../outside.txt", 1), ("bomb", 64 * 2**20)):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.writestr(name, b"x" * size)
        body = {
            "additional_files": base64.b64encode(archive.getvalue()).decode(),
            "source_code": "x",
            "language_id": 71,
        }
        assert (await http.post("/submissions", json=body)).status_code == 422


def zipped(**files: str) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as into:
        for name, text in files.items():
            into.writestr(name, text)
    return base64.b64encode(archive.getvalue()).decode()


@pytest.mark.parametrize(
    ("files", "stdin", "status", "stdout"),
    [
        (
            {
                "compile": "gcc -DTWICE=2 src/*.c -o program\n",
                "run": "./program | tr a-z A-Z\n",
                "src/main.c": f'{STDIO}#include "lib.h"\nint main(void) {{ printf("x%d", TWICE * number()); }}\n',
                "src/lib.c": "int number(void) { return 21; }",
                "src/lib.h": "int number(void);",
            },
            "",
            "Accepted",
            "X42",
        ),
        ({"run": "python3 -O tool/main.py $1", "tool/main.py": "print(input())"}, "hello", "Accepted", "hello\n"),
        ({"compile": "echo no >&2; exit 3", "run": "true"}, "", "Compilation Error", None),
        ({"run": "exit 5"}, "", "Runtime Error (NZEC)", None),
    ],
)
async def test_a_program_of_several_files_brings_its_scripts(
    http: httpx2.AsyncClient, files: dict[str, str], stdin: str, status: str, stdout: str | None
) -> None:
    body = {"language_id": MULTI_FILE, "additional_files": zipped(**files), "stdin": stdin}
    answer = await http.post("/submissions", params={"wait": "true", "fields": "*"}, json=body)
    result = answer.json()
    assert (result["status"]["description"], result["stdout"]) == (status, stdout), result
    assert (result["language"], result["source_code"]) == ({"id": 89, "name": "Multi-file program"}, None)


async def test_a_program_of_several_files_needs_them(http: httpx2.AsyncClient) -> None:
    for files, told in ((None, "can't be blank"), (zipped(compile="true"), "has no script 'run'")):
        body = {"language_id": MULTI_FILE, "additional_files": files}
        assert (await http.post("/submissions", json=body)).json() == {"additional_files": [told]}
    assert {"id": 89, "name": "Multi-file program"} in (await http.get("/languages")).json()


async def test_a_result_is_put_where_it_was_asked_for(starts_nodes: StartsNodes, http: httpx2.AsyncClient) -> None:
    put: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split()[0])
        await put.put((head.split("\r\n")[0], json.loads(await reader.readexactly(length))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    body = {"source_code": "print(6 * 7)", "language_id": PYTHON, "redirect_stderr_to_stdout": True}
    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        body["callback_url"] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/heard?x=1"
        refused = (await http.post("/submissions", json=body)).json()
        node = starts_nodes(
            max_tasks=1, languages="python", CCX_CALLBACK_SECRET="x", CCX_CALLBACK_PRIVATE_ADDRESSES="true"
        )
        async with httpx2.AsyncClient(base_url=f"{node.url}/judge0", timeout=DEADLINE_SECONDS) as calling:
            assert (await calling.get("/config_info")).json()["enable_callbacks"] is True
            token = (await calling.post("/submissions", json=body)).json()["token"]
        async with asyncio.timeout(DEADLINE_SECONDS):
            line, heard = await put.get()
    assert list(refused) == ["callback_url"]
    assert line == "put /heard?x=1 http/1.1"
    assert (heard["token"], heard["status"]["id"], base64.b64decode(heard["stdout"])) == (token, 3, b"42\n")


async def test_a_batch_is_taken_one_by_one(http: httpx2.AsyncClient) -> None:
    batch = [{"source_code": "print(1)", "language_id": PYTHON}, {"source_code": "", "language_id": PYTHON}]
    made = await http.post("/submissions/batch", json={"submissions": batch})
    assert made.status_code == 201
    assert (set(made.json()[0]), made.json()[1]) == ({"token"}, {"source_code": ["can't be blank"]})
    tokens = f"{made.json()[0]['token']},{'0' * 32}"

    async def found() -> Any:
        return (await http.get("/submissions/batch", params={"tokens": tokens})).json()["submissions"]

    async def has_ended() -> bool:
        return bool((await found())[0]["status"]["id"] > 2)

    await eventually(has_ended, "its end")
    first, second = await found()
    assert (first["stdout"], second) == ("1\n", None)
    too_many = await http.post("/submissions/batch", json={"submissions": batch * 11})
    assert too_many.status_code == 400


async def test_a_full_queue_and_a_caller_without_a_token_are_told(starts_nodes: StartsNodes, tmp_path: Path) -> None:
    node = starts_nodes(max_tasks=1, languages="python", CCX_QUEUE_BOUND="1", CCX_ACCESS="true")
    body = {"source_code": "import time; time.sleep(1)", "language_id": PYTHON}
    async with httpx2.AsyncClient(base_url=f"{node.url}/judge0", timeout=DEADLINE_SECONDS) as http:
        assert (await http.post("/submissions", json=body)).status_code == 401
        http.headers["X-Auth-Token"] = await asyncio.to_thread(token_of, node, tmp_path, "judge")
        answers = [await http.post("/submissions", json=body) for _ in range(4)]
        assert {answer.status_code for answer in answers} == {201, 503}
        assert answers[-1].json() == {"error": "queue is full"}
        (queue,) = (await http.get("/workers")).json()
        assert (queue["available"], queue["working"]) == (1, 1)
