"""What holds for every door alike: programs run on other nodes, hostile ones have their end, and ports of their own."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from mcp import Client

from tests.support.node import DEADLINE_SECONDS, NodeProcess, StartsNodes, eventually

pytestmark = pytest.mark.docker

HELLO = "import socket; print('hello')"
FORKS = "import os\nwhile True:\n    os.fork()\n"

Asks = Callable[[str, str], Awaitable[tuple[str, str]]]  # the address and the program; what was written, and the end


async def by_piston(url: str, program: str) -> tuple[str, str]:
    body = {"language": "python", "version": "*", "files": [{"content": program}], "run_cpu_time": 2000}
    answer = await _posted(f"{url}/api/v2/execute", body)
    return answer["run"]["stdout"], answer["run"]["status"] or "OK"


async def by_jobe(url: str, program: str) -> tuple[str, str]:
    spec = {"language_id": "python3", "sourcecode": program, "parameters": {"cputime": 2}}
    answer = await _posted(f"{url}/jobe/index.php/restapi/runs", {"run_spec": spec})
    return answer["stdout"], "OK" if answer["outcome"] == 15 else str(answer["outcome"])


async def by_judge0(url: str, program: str) -> tuple[str, str]:
    body = {"language_id": 71, "source_code": program, "cpu_time_limit": 2}
    answer = await _posted(f"{url}/judge0/submissions?wait=true", body)
    status = answer["status"]["description"]
    return answer["stdout"] or "", "OK" if status == "Accepted" else status


async def by_mcp(url: str, program: str) -> tuple[str, str]:
    async with Client(f"{url}/mcp") as client:
        result = await client.call_tool("run_code", {"language": "python", "code": program, "cpu_seconds": 2})
    text = getattr(result.content[0], "text", "")
    verdict = result.structured_content["verdict"]
    return "hello\n" if "hello" in text else "", "OK" if verdict == "ok" else verdict


async def _posted(url: str, body: Any) -> Any:
    async with httpx2.AsyncClient(timeout=DEADLINE_SECONDS) as http:
        answer = await http.post(url, json=body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()


DOORS = pytest.mark.parametrize("ask", [by_piston, by_jobe, by_judge0, by_mcp])


@DOORS
async def test_a_program_runs_where_its_language_is(ask: Asks, starts_nodes: StartsNodes) -> None:
    slave = starts_nodes(languages="python")
    master = starts_nodes(languages="none", CCX_SLAVES=slave.url)
    async with master.client() as client:

        async def is_served() -> bool:
            return bool(await client.languages())

        await eventually(is_served, "the slave is heard of")
        assert await ask(master.url, HELLO) == ("hello\n", "OK")
        (ran,) = (await client.list()).submissions
        assert ran.node == slave.name


@DOORS
async def test_a_hostile_program_has_its_end_and_harms_nobody(ask: Asks, session_node: NodeProcess) -> None:
    hostile, innocent = await asyncio.gather(ask(session_node.url, FORKS), ask(session_node.url, HELLO))
    assert hostile[1] != "OK"
    assert innocent == ("hello\n", "OK")


async def test_a_door_has_a_port_of_its_own(starts_nodes: StartsNodes) -> None:
    ports = '{"judge0": 0, "piston": 0, "jobe": 0}'
    node = starts_nodes(languages="python", CCX_DOORS_PORTS=ports)
    lines = [await asyncio.to_thread(node.line_with, f"ccx: {door} is on port") for door in json.loads(ports)]
    found = dict(re.findall(r"ccx: (\w+) is on port (\d+)", "\n".join(lines)))
    judge0, piston, jobe = (f"http://127.0.0.1:{found[name]}" for name in ("judge0", "piston", "jobe"))
    body = {"language_id": 71, "source_code": HELLO}
    assert (await _posted(f"{judge0}/submissions?wait=true", body))["stdout"] == "hello\n"
    assert await by_judge0(judge0, HELLO) == ("hello\n", "OK")
    assert await by_piston(piston, HELLO) == ("hello\n", "OK")
    assert await by_jobe(jobe, HELLO) == ("hello\n", "OK")
    async with httpx2.AsyncClient() as http:
        assert (await http.get(f"{judge0}/v1/languages")).status_code == 404
