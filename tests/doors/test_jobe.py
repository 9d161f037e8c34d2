"""What CodeRunner and Jobe's own acceptance tests send, against a real node."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ccx_orchestrator.doors.jobe.files import KEPT_SECONDS, FileCache
from tests.support.node import DEADLINE_SECONDS, NodeProcess, StartsNodes
from tests.support.tokens import token_of

pytestmark = pytest.mark.docker

COMPILE_ERROR, RUNTIME_ERROR, TIME_LIMIT, OK, MEMORY_LIMIT, OVERLOAD = 11, 12, 13, 15, 17, 21
MALLOC = """
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    puts(malloc(2000000000) ? "given" : "refused");
}
"""
FILL = "public class Main { public static void main(String[] a) { System.out.print(new int[100_000_000][0].length); } }"
C_HELLO = '#include <stdio.h>\nint main(void) { printf("Hello world\\n"); }\n'
FLOOD = '#include <stdio.h>\nint main(void) { for (;;) printf("Hello world\\n"); }\n'
DEEP = "int f(int n) { volatile char a[999]; a[0] = n; return f(n + 1) + a[0]; } int main(void) { return f(0); }"
FORKS = """
#include <stdio.h>
#include <unistd.h>
#include <sys/types.h>
#include <signal.h>
int main(void) {
    int children = 0;
    for (int i = 0; i < 1000; i++) {
        pid_t pid = fork();
        if (pid == 0) for (;;) ;
        if (pid > 0) children++;
    }
    printf("%d\\n", children);
}
"""


@pytest.fixture
async def http(session_node: NodeProcess) -> AsyncIterator[httpx2.AsyncClient]:
    base = f"{session_node.url}/jobe/index.php/restapi"
    async with httpx2.AsyncClient(base_url=base, timeout=DEADLINE_SECONDS) as http:
        yield http


async def run(http: httpx2.AsyncClient, language: str, source: str, slash: str = "", **spec: Any) -> httpx2.Response:
    body = {"run_spec": {"language_id": language, "sourcecode": source} | spec}
    return await http.post(f"/runs{slash}", json=body)


async def test_languages_are_those_of_jobe(http: httpx2.AsyncClient) -> None:
    for slash in ("", "/"):
        listed = dict((await http.get(f"/languages{slash}")).json())
        assert set(listed) >= {"c", "java", "python3"}
        assert listed["c"].startswith("14.")
        assert "python" not in listed


@pytest.mark.parametrize(
    ("language", "source", "spec", "outcome", "stdout"),
    [
        ("python3", "print('Hello')", {}, OK, "Hello\n"),
        ("python3", "print(input())\nprint(input())", {"input": "a\nb\n"}, OK, "a\nb\n"),
        ("python3", "import sys\nprint(sys.argv[1:])", {"parameters": {"runargs": ["a b", "c"]}}, OK, "['a b', 'c']\n"),
        ("python3", "print('x', file=__import__('sys').stderr)", {}, RUNTIME_ERROR, ""),
        ("python3", "raise SystemExit(1)", {}, OK, ""),
        ("python3", "print('before')\nraise ValueError('x')", {}, RUNTIME_ERROR, "before\n"),
        ("python3", "print('Hello'\n", {}, COMPILE_ERROR, ""),
        ("python3", "def f():\n  x = 1\n    y = 2\n", {}, COMPILE_ERROR, ""),
        ("python3", "exec('print(')", {}, RUNTIME_ERROR, ""),
        ("python3", "while True: pass", {"parameters": {"cputime": 1}}, TIME_LIMIT, ""),
        ("python3", "import time\ntime.sleep(9)", {"parameters": {"cputime": 1}}, TIME_LIMIT, ""),
        ("python3", "print('é', chr(128512))", {}, OK, "é \U0001f600\n"),
        ("python3", "x = [0] * 10**9", {"parameters": {"memorylimit": 100}}, RUNTIME_ERROR, ""),
        ("python3", "1 +", {"parameters": {"interpreterargs": ['-c "print(\\"Blah\\")"']}}, OK, "Blah\n"),
        ("python3", "[1, 2]", {"parameters": {"interpreterargs": ["-m", "json.tool"]}}, OK, "[\n    1,\n    2\n]\n"),
        ("python3", "assert False, 'x'\nprint(1)", {"parameters": {"interpreterargs": ["-O"]}}, OK, "1\n"),
        ("c", C_HELLO, {"sourcefilename": "test.c"}, OK, "Hello world\n"),
        ("c", "int main(void) { int unused; }", {}, COMPILE_ERROR, ""),
        ("c", "int main(void) { int unused; }", {"parameters": {"compileargs": []}}, OK, ""),
        ("c", "#include <math.h>\nint main(void) { return sin(0); }", {"parameters": {"linkargs": ["-lm"]}}, OK, ""),
        ("c", "int main(void) { *(volatile int *)0 = 1; }", {}, RUNTIME_ERROR, ""),
        ("c", MALLOC, {}, OK, "refused\n"),
        ("c", MALLOC, {"parameters": {"memorylimit": 1000}}, OK, "refused\n"),
        ("c", MALLOC, {"parameters": {"memorylimit": 0}}, OK, "given\n"),
        ("c", "int main(void) { return X + Y; }", {"parameters": {"compileargs": ["-DX=1 -DY=-1", "-w"]}}, OK, ""),
        ("c", DEEP, {"parameters": {"compileargs": ["-w"]}}, RUNTIME_ERROR, ""),
        ("java", "public class Blah { public static void main(String[] a) { System.out.println(1); } }", {}, OK, "1\n"),
        (
            "java",
            "public class Main { public static void main(String[] a) { System.out.println(2); } }",
            {"sourcefilename": "prog.java", "parameters": {"interpreterargs": ["-Xss8m", "-Xmx200m"]}},
            OK,
            "2\n",
        ),
        ("java", "public class Main { void x( }", {}, COMPILE_ERROR, ""),
        ("java", FILL, {"parameters": {"memorylimit": 16}}, MEMORY_LIMIT, ""),
        ("python3", "print(1)", {"parameters": {"memorylimit": 16}}, OK, "1\n"),
    ],
)
async def test_a_run_has_the_outcome_of_jobe(
    http: httpx2.AsyncClient, language: str, source: str, spec: dict[str, Any], outcome: int, stdout: str
) -> None:
    answer = await run(http, language, source, **spec)
    result = answer.json()
    assert answer.status_code == 200, result
    assert set(result) == {"run_id", "outcome", "cmpinfo", "stdout", "stderr"}
    assert (result["outcome"], result["stdout"]) == (outcome, stdout), result
    assert bool(result["cmpinfo"]) is (outcome == COMPILE_ERROR)
    assert bool(result["stderr"]) is (outcome not in {OK, COMPILE_ERROR})


async def test_what_floods_is_out_of_time_as_there(http: httpx2.AsyncClient) -> None:
    result = (await run(http, "c", FLOOD, parameters={"cputime": 2, "streamsize": 1})).json()
    assert result["outcome"] == TIME_LIMIT
    assert len(result["stdout"]) == 1024 * 1024


async def test_processes_are_bounded_and_the_program_may_end_well(http: httpx2.AsyncClient) -> None:
    result = (await run(http, "c", FORKS, parameters={"numprocs": 20})).json()
    assert result["outcome"] == OK
    assert 6 <= int(result["stdout"].split()[-1]) <= 20


async def test_bytes_that_are_no_text_are_written_out(http: httpx2.AsyncClient) -> None:
    program = r"import sys; sys.stdout.buffer.write(b'a\xff\x01\t\n')"
    assert (await run(http, "python3", program)).json()["stdout"] == "a\\xff\\x01\t\n"


async def test_ten_at_once_all_succeed(http: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(run(http, "c", C_HELLO, "/") for _ in range(10)))
    assert {answer.json()["outcome"] for answer in answers} == {OK}


async def test_files_are_put_first_and_named_in_the_run(http: httpx2.AsyncClient) -> None:
    file_id, data = "0123456789abcdef", b"\x00\xffdata"
    program = "print(open('sub.bin', 'rb').read())"
    listed: dict[str, Any] = {"file_list": [[file_id, "sub.bin"]]}
    assert (await http.head(f"/files/{file_id}")).status_code == 404
    missing = await run(http, "python3", program, **listed)
    assert (missing.status_code, missing.json()) == (404, "One or more of the specified files is missing/unavailable")
    put = await http.put(f"/files/{file_id}", json={"file_contents": base64.b64encode(data).decode()})
    assert (put.status_code, put.content) == (204, b"")
    assert (await http.head(f"/files/{file_id}")).status_code == 204
    assert (await run(http, "python3", program, **listed)).json()["stdout"] == f"{data!r}\n"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"[1, 2", 400, "Non-JSON post data received"),
        (b"{}", 400, "No run_spec attribute found in post data"),
        ({"run_spec": {"sourcecode": ""}}, 400, "run_spec is missing the required attribute 'language_id'"),
        ({"run_spec": {"language_id": "c"}}, 400, "run_spec is missing the required attribute 'sourcecode'"),
        ({"run_spec": {"language_id": "NoSuch", "sourcecode": ""}}, 400, "Language 'nosuch' is not known"),
        (
            {"run_spec": {"language_id": "c", "sourcecode": "", "sourcefilename": "../x.c"}},
            400,
            "The sourcefilename for the run_spec is illegal",
        ),
        (
            {"run_spec": {"language_id": "c", "sourcecode": "", "parameters": {"cputime": 151}}},
            400,
            "cputime exceeds maximum allowed on this Jobe server (60 secs)",
        ),
        (
            {"run_spec": {"language_id": "c", "sourcecode": "", "file_list": [["x"]]}},
            400,
            "Invalid file specifier: ['x']",
        ),
    ],
)
async def test_what_is_wrong_is_said_in_the_words_of_jobe(
    http: httpx2.AsyncClient, body: Any, status: int, text: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await http.post("/runs", content=content)
    assert (answer.status_code, answer.json()) == (status, text)


async def test_a_file_that_is_none_is_refused(http: httpx2.AsyncClient) -> None:
    assert (await http.put("/files/12345678", json={})).json() == "put: missing file_contents parameter"
    broken = await http.put("/files/12345678", json={"file_contents": "###"})
    assert broken.json() == "put: contents of file 12345678 are not valid base-64"
    assert (await http.get("/nothing")).status_code == 404


async def test_the_overload_that_is_only_tried_and_the_one_that_is_real(
    http: httpx2.AsyncClient, starts_nodes: StartsNodes
) -> None:
    tried = (await run(http, "python3", "!** TESTING OVERLOAD EXCEPTION **!")).json()
    assert (tried["outcome"], tried["stdout"], tried["run_id"]) == (OVERLOAD, "", None)
    full = starts_nodes(max_tasks=1, languages="python", CCX_QUEUE_BOUND="1")
    async with httpx2.AsyncClient(base_url=f"{full.url}/jobe/index.php/restapi", timeout=DEADLINE_SECONDS) as busy:
        runs = [run(busy, "python3", "import time; time.sleep(1)") for _ in range(4)]
        outcomes = [answer.json()["outcome"] for answer in await asyncio.gather(*runs)]
    assert set(outcomes) == {OK, OVERLOAD}


async def test_a_key_is_taken_as_coderunner_sends_it(starts_nodes: StartsNodes, tmp_path: Path) -> None:
    node = starts_nodes(languages="python", CCX_ACCESS="true")
    token = await asyncio.to_thread(token_of, node, tmp_path, "moodle")
    async with httpx2.AsyncClient(base_url=f"{node.url}/jobe/index.php/restapi", timeout=DEADLINE_SECONDS) as http:
        assert (await run(http, "python3", "print(1)")).status_code == 401
        http.headers["X-API-Key"] = token
        assert (await run(http, "python3", "print(1)")).json()["outcome"] == OK


def test_kept_files_are_bounded_expire_and_belong_to_a_caller() -> None:
    now = [0.0]
    files = FileCache(most_bytes=10, clock=lambda: now[0])
    assert files.put("a", "1", b"12345")
    assert files.put("a", "2", b"12345")
    assert files.get("b", "1") is None
    assert files.get("a", "1") == b"12345"
    assert files.put("a", "3", b"1")
    assert files.get("a", "2") is None  # the one that nobody has asked for
    assert not files.put("a", "4", b"x" * 11)
    now[0] = KEPT_SECONDS + 1
    assert files.get("a", "1") is None
