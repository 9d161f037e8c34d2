"""Output while it runs: `ccx run`, and a submission that is looked after by several commands."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from ccx.wire import Verdict
from tests.support.node import DEADLINE_SECONDS, NodeProcess, ccx_command, ccx_environment, submission

pytestmark = pytest.mark.docker

SLOW = "import sys, time\nprint('err', file=sys.stderr)\ntime.sleep(0.2)\nprint('begun', flush=True)\ntime.sleep(60)\n"


def start(node: NodeProcess, *arguments: object) -> subprocess.Popen[bytes]:
    environment = ccx_environment(CCX_SERVER=node.url)
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(ccx_command(*arguments), env=environment, **pipes)  # type: ignore[call-overload, no-any-return]


def ask(node: NodeProcess, *arguments: object) -> str:
    with start(node, *arguments) as process:
        output, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert (errors, process.returncode) == (b"", 0)
    return str(output.decode().rstrip("\n"))


def test_ccx_run_prints_while_the_program_runs(session_node: NodeProcess, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    with start(session_node, "run", tmp_path / "slow.py") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert (output, errors, process.returncode) == (b"", b"err\n", 130)


def test_a_submission_is_followed_looked_at_and_ended_by_its_id(session_node: NodeProcess, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    submission_id = ask(session_node, "submit", "--limit", "wall=100", tmp_path / "slow.py")
    with start(session_node, "logs", "-f", submission_id) as logs:
        assert logs.stdout is not None
        assert logs.stdout.readline() == b"begun\n"
        assert ask(session_node, "status", submission_id).startswith(f"{submission_id} running on ")
        assert ask(session_node, "cancel", submission_id).startswith(f"{submission_id} cancelled: It was cancelled")
        rest, errors = logs.communicate(timeout=DEADLINE_SECONDS)
    assert (rest, errors, logs.returncode) == (b"", b"err\n", 208)


async def test_a_program_with_several_cases_streams_each_to_its_own(session_node: NodeProcess) -> None:
    cases = [{"stdin": f"{number}\n", "expected_stdout": f"{number * number}"} for number in range(5)]
    squares = submission("python", "n = int(input())\nprint(n * n)\n", cases=cases, artifacts=["none"])
    outputs = dict.fromkeys(range(5), "")
    async with session_node.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        kinds = []
        async for event in client.run_stream(squares):
            kinds.append(event.type)
            if event.type == "output" and event.case is not None:
                outputs[event.case] += event.data
            if event.type == "done":
                assert event.submission is not None
                told = {case.name: case.stdout for case in event.submission.cases}
                assert (event.verdict, told) == (Verdict.OK, {f"{n + 1}": outputs[n] for n in range(5)})
    assert outputs == {number: f"{number * number}\n" for number in range(5)}
    assert kinds.count("case") == 5
    assert kinds[-2:] == ["artifact", "done"]
