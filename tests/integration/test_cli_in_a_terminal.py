"""`ccx` in a real terminal, against a node whose program says what the test tells it to: no engine is needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fakes import PuppetExecutor
from tests.support.node import ccx_command, ccx_environment
from tests.support.puppet_node import PuppetNode, program, puppet_node
from tests.support.terminal import TerminalProcess

DEADLINE_SECONDS = 60.0


@pytest.fixture
def puppet() -> PuppetExecutor:
    return PuppetExecutor()


@pytest.fixture
async def node(puppet: PuppetExecutor) -> AsyncIterator[PuppetNode]:
    async with asyncio.timeout(DEADLINE_SECONDS), puppet_node(puppet, slots=1) as node:
        yield node


async def sees(terminal: TerminalProcess, pattern: str) -> re.Match[str]:
    return await asyncio.to_thread(terminal.sees, pattern)


async def test_while_it_waits_its_place_is_told_and_vanishes_when_there_is_output(
    node: PuppetNode, puppet: PuppetExecutor, tmp_path: Path
) -> None:
    (tmp_path / "a.dm").write_text("")
    first, second = [(await node.client.submit(program(), wait=False)).id for _ in range(2)]
    command = ccx_command("run", tmp_path / "a.dm")
    with TerminalProcess(command, env=ccx_environment(CCX_SERVER=node.url)) as terminal:
        await sees(terminal, "ccx: waiting, number 2 in the queue")
        puppet.ends(first)
        await sees(terminal, "\r\x1b\\[Kccx: waiting, number 1 in the queue")
        puppet.ends(second)
        await sees(terminal, "\r\x1b\\[Kccx: running")
        (submission_id,) = puppet.running
        puppet.says(submission_id, b"hello\n")
        await sees(terminal, "\r\x1b\\[Khello\r\n")
        puppet.says(submission_id, b"no newline")
        puppet.ends(submission_id)
        await sees(terminal, r"no newline\r\nccx: \x1b\[32mok")
        assert await asyncio.to_thread(terminal.ends) == 0
        assert "queue" not in terminal.seen.rpartition("hello")[2]


async def test_where_standard_output_is_no_terminal_nothing_is_told(
    node: PuppetNode, puppet: PuppetExecutor, tmp_path: Path
) -> None:
    (tmp_path / "a.dm").write_text("")
    first = (await node.client.submit(program(), wait=False)).id
    command = ["sh", "-c", '"$@" > out', "sh", *ccx_command("run", "a.dm")]
    with TerminalProcess(command, env=ccx_environment(CCX_SERVER=node.url), cwd=tmp_path) as terminal:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while node.submissions.backlog.waiting == 0:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.6)  # longer than the patience of a line
        puppet.ends(first)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while puppet.running <= {first}:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
        (submission_id,) = puppet.running - {first}
        puppet.says(submission_id, b"hello\n")
        puppet.ends(submission_id)
        assert await asyncio.to_thread(terminal.ends) == 0
        await sees(terminal, r"ccx: \x1b\[32mok")
    assert re.match(r"ccx: \x1b\[32mok\x1b\[0m [^\r]*\r\n$", terminal.seen)
    assert (tmp_path / "out").read_bytes() == b"hello\n"


async def test_a_long_wait_is_told_in_a_log_too(node: PuppetNode, puppet: PuppetExecutor, tmp_path: Path) -> None:
    (tmp_path / "a.dm").write_text("")
    first = (await node.client.submit(program(), wait=False)).id
    process = await asyncio.create_subprocess_exec(
        *ccx_command("run", tmp_path / "a.dm"),
        env=ccx_environment(CCX_SERVER=node.url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    told = await process.stderr.readline()
    assert told == b"ccx: it waits in the queue of the node ('ccx nodes' shows what its nodes do)\n"
    process.terminate()
    await process.wait()
    puppet.ends(first)
