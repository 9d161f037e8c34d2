"""Agents: the protocol's own client, over standard input and output, against a real node."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ImageContent, TextContent, TextResourceContents

from ccx.wire import State, Verdict
from tests.support.node import NodeProcess, StartsNodes, ccx_environment, eventually
from tests.support.picture import png
from tests.support.tokens import token_of

Agents = Callable[[str], AbstractAsyncContextManager[Client]]

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


@pytest.fixture(params=["stdio", "http"])
def agent(request: pytest.FixtureRequest) -> Agents:
    """An agent's host, by either way to a node."""
    return over_http if request.param == "http" else agent_of


@asynccontextmanager
async def over_http(server: str) -> AsyncIterator[Client]:
    """One that speaks to the node itself."""
    async with Client(f"{server}/mcp") as client:
        yield client


@asynccontextmanager
async def agent_of(server: str | None) -> AsyncIterator[Client]:
    """One that has started `ccx mcp`."""
    more = ["--server", server] if server else []
    command = StdioServerParameters(command=sys.executable, args=["-m", "ccx.cli", "mcp", *more], env=ccx_environment())
    async with Client(command) as client:
        yield client


def text_of(result: Any) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


async def test_an_agent_is_told_which_tools_and_languages_there_are(agent: Agents, session_node: NodeProcess) -> None:
    async with agent(session_node.url) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"run_code", "list_languages", "get_submission", "cancel_submission"}
        assert all(tool.description and len(tool.description) < 200 for tool in tools.values())
        languages = await client.call_tool("list_languages", {})
        assert {one["name"] for one in languages.structured_content["languages"]} == {"c", "java", "python"}


async def test_a_program_runs_with_input_cases_and_files(agent: Agents, session_node: NodeProcess) -> None:
    async with agent(session_node.url) as client:
        hello = await client.call_tool("run_code", {"language": "python", "code": "print(input())", "stdin": "hi\n"})
        assert text_of(hello).startswith("verdict: ok\nstdout:\nhi\n")
        assert hello.structured_content["verdict"] == "ok"
        files = [
            {"name": "main.c", "content": '#include "x.h"\nint main(void) { return X; }\n'},
            {"name": "x.h", "content": "#define X 3\n"},
        ]
        failed = await client.call_tool("run_code", {"language": "c", "files": files})
        assert (failed.structured_content["verdict"], "exit code 3" in text_of(failed)) == ("runtime_error", True)
        cases = [{"stdin": "2", "expected_stdout": "4"}, {"stdin": "3", "expected_stdout": "8"}]
        judged = await client.call_tool(
            "run_code", {"language": "python", "code": "print(int(input()) ** 2)", "cases": cases}
        )
        assert [case["verdict"] for case in judged.structured_content["cases"]] == ["ok", "wrong_answer"]
        again = await client.call_tool("get_submission", {"submission_id": judged.structured_content["submission_id"]})
        assert again.structured_content == judged.structured_content


async def test_what_is_wrong_tells_a_model_what_to_change(agent: Agents, session_node: NodeProcess) -> None:
    async with agent(session_node.url) as client:
        for arguments, told in (
            ({"language": "python"}, "Give either code or files."),
            ({"language": "cobol", "code": "x"}, "cobol"),
            ({"language": "python", "code": "x", "cpu_seconds": 10_000}, "cpu_seconds"),
            ({"language": "python", "files": [{"name": "../x", "content": ""}]}, "'..'"),
        ):
            result = await client.call_tool("run_code", arguments)
            assert (result.is_error, told in text_of(result)) == (True, True), text_of(result)
        limited = await client.call_tool(
            "run_code", {"language": "python", "code": "while True: pass", "cpu_seconds": 0.3}
        )
        assert (limited.is_error, limited.structured_content["verdict"]) == (False, "cpu_time_limit")
        assert "used more than 0.3 s of CPU time" in text_of(limited)


async def test_long_output_is_cut_and_the_rest_is_a_resource(agent: Agents, session_node: NodeProcess) -> None:
    async with agent(session_node.url) as client:
        source = "print('begin'); print('x' * 50_000); print('end')"
        result = await client.call_tool("run_code", {"language": "python", "code": source})
        text = text_of(result)
        assert len(text) < 20_000
        assert ("begin" in text, "end" in text) == (True, True)
        address = text.split("all of it: ")[1].split(" ")[0]
        (whole,) = (await client.read_resource(address)).contents
        assert isinstance(whole, TextResourceContents)
        assert whole.text == f"begin\n{'x' * 50_000}\nend\n"


async def test_a_picture_is_shown_to_a_model(agent: Agents, session_node: NodeProcess) -> None:
    async with agent(session_node.url) as client:
        arguments = {"language": "python", "code": png(), "artifacts": ["dot.png", "none.txt"]}
        result = await client.call_tool("run_code", arguments)
        (picture,) = [part for part in result.content if isinstance(part, ImageContent)]
        assert picture.mime_type == "image/png"
        assert "file none.txt:" in text_of(result)


async def test_a_call_that_is_cancelled_ends_its_program(agent: Agents, starts_nodes: StartsNodes) -> None:
    node = starts_nodes(languages="python")
    async with node.client() as watching, agent(node.url) as client:
        arguments = {"language": "python", "code": "import time; time.sleep(60)", "wall_seconds": 60}
        call = asyncio.create_task(client.call_tool("run_code", arguments))

        async def runs() -> bool:
            return any(line.state is State.RUNNING for line in (await watching.list()).submissions)

        await eventually(runs, "it runs")
        call.cancel()

        async def is_cancelled() -> bool:
            return all(line.verdict is Verdict.CANCELLED for line in (await watching.list()).submissions)

        await eventually(is_cancelled, "it was cancelled")
        await asyncio.gather(call, return_exceptions=True)


async def test_progress_is_told(agent: Agents, session_node: NodeProcess) -> None:
    told: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with agent(session_node.url) as client:
        await client.call_tool("run_code", {"language": "python", "code": "print(1)"}, progress_callback=hear)
    assert told == ["accepted", f"running on {session_node.name}"]


async def test_without_a_node_one_is_started() -> None:
    async with agent_of(None) as client:
        result = await client.call_tool("run_code", {"language": "python", "code": "print(6 * 7)"})
        assert "stdout:\n42" in text_of(result)


async def test_over_http_a_caller_is_who_its_token_says(starts_nodes: StartsNodes, tmp_path: Path) -> None:
    node = starts_nodes(languages="python", CCX_ACCESS="true")
    tokens = [await asyncio.to_thread(token_of, node, tmp_path, name) for name in ("ada", "bob")]

    @asynccontextmanager
    async def as_caller(token: str) -> AsyncIterator[Client]:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
            Client(streamable_http_client(f"{node.url}/mcp", http_client=http)) as client,
        ):
            yield client

    async with as_caller(tokens[0]) as ada, as_caller(tokens[1]) as bob:
        ran = await ada.call_tool("run_code", {"language": "python", "code": "print('mine')"})
        asked = {"submission_id": ran.structured_content["submission_id"]}
        assert not (await ada.call_tool("get_submission", asked)).is_error
        refused = await bob.call_tool("get_submission", asked)
        assert (refused.is_error, "mine" in text_of(refused)) == (True, False)
    async with httpx2.AsyncClient() as http:
        assert (await http.post(f"{node.url}/mcp", json={})).status_code == 401
