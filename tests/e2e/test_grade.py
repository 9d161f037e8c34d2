"""A class, graded on a real node; and the SDK that it is made of."""

from __future__ import annotations

import asyncio
import inspect
import json
import signal
import subprocess
from pathlib import Path

import pytest

import ccx
from ccx.client import Client
from ccx.errors import BadInput, UnknownLanguage
from ccx.sync import SyncClient
from ccx.wire import CaseRequest, Verdict
from tests.support.node import NodeProcess, StartsNodes, ccx_command, ccx_environment, submission

pytestmark = [pytest.mark.docker, pytest.mark.timeout(150)]

DEADLINE_SECONDS = 90
RIGHT = "a, b = map(int, input().split())\nprint(a + b)\n"
CLASS: dict[str, dict[str, str | bytes]] = {
    "right": {"main.py": RIGHT},
    "in-c": {
        "sum.c": '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }\n'
    },
    "wrong": {"main.py": "print(5)\n"},
    "crashes": {"main.py": "import sys\nprint('here', file=sys.stderr)\nraise SystemExit(3)\n"},
    "slow": {"main.py": "while True: pass\n"},
    "greedy": {"main.py": "x = bytearray(1 << 30)\n"},
    "hostile": {"main.py": "import os\nwhile True: os.fork()\n"},
    "no-compile": {"main.c": "int main(void) { return nothing; }\n"},
    "two-mains": {"a.py": RIGHT, "b.py": RIGHT},
    "nothing": {"notes.txt": "I was ill"},
    "binary": {"main.py": bytes(range(256))},
    "windows": {"main.py": b"\xef\xbb\xbf" + RIGHT.replace("\n", "\r\n").encode()},
}
VERDICTS = {
    "right": "ok",
    "in-c": "ok",
    "wrong": "wrong_answer",
    "crashes": "runtime_error",
    "slow": "cpu_time_limit",
    "greedy": "memory_limit",
    "hostile": "process_limit",
    "no-compile": "compile_error",
    "two-mains": "not run",
    "nothing": "not run",
    "binary": "runtime_error",
    "windows": "ok",
}


def class_in(folder: Path) -> Path:
    for person, files in CLASS.items():
        for name, content in files.items():
            path = folder / "class" / person / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    tests = folder / "tests"
    (tests / "big").mkdir(parents=True)
    for name, numbers in (("1", (1, 2)), ("2", (2, 3)), ("big/1", (1000, 1)), ("big/2", (5, 5))):
        (tests / f"{name}.in").write_text(f"{numbers[0]} {numbers[1]}\n")
        (tests / f"{name}.ans").write_text(f"{sum(numbers)}\n")
    (tests / "big/points").write_text("8")
    return folder


def grade(folder: Path, server: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ccx_command("grade", "class", "--tests", "tests", "--limit", "cpu=0.5,processes=16", "--server", server, *more),
        cwd=folder,
        env=ccx_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def test_a_class_has_the_expected_table(session_node: NodeProcess, tmp_path: Path) -> None:
    class_in(tmp_path)
    reports = ("--json", "out.json", "--csv", "out.csv", "--junit", "out.xml", "--report", "out.html")
    done = grade(tmp_path, session_node.url, *reports)
    assert done.returncode == 1, done.stderr
    found = {one["person"]: one for one in json.loads((tmp_path / "out.json").read_text())["grades"]}
    assert {name: one["verdict"] for name, one in found.items()} == VERDICTS
    assert (found["right"]["points"], found["wrong"]["points"], found["no-compile"]["points"]) == (10, 1, 0)
    assert "nothing" in found["no-compile"]["compiler"]
    assert found["crashes"]["tests"][0]["stderr"] == "here\n"
    assert "Which file is the main one" in found["two-mains"]["trouble"]
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["right"].split()[1:5] == ["python", "ok", "4/4", "10/10"]
    assert "alike" not in done.stderr  # what is so short proves nothing
    assert all((tmp_path / name).stat().st_size > 500 for name in ("out.csv", "out.xml", "out.html"))
    assert not (tmp_path / "class.ccx-grade.jsonl").exists()


def test_a_class_that_is_right_everywhere_ends_well(session_node: NodeProcess, tmp_path: Path) -> None:
    class_in(tmp_path)
    for person in CLASS:
        if VERDICTS[person] != "ok":
            for path in (tmp_path / "class" / person).iterdir():
                path.unlink()
            (tmp_path / "class" / person).rmdir()
    assert grade(tmp_path, session_node.url).returncode == 0


def test_what_was_broken_off_goes_on(starts_nodes: StartsNodes, tmp_path: Path) -> None:
    node = starts_nodes(max_tasks=1, languages="python")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/1.in").write_text("")
    (tmp_path / "tests/1.ans").write_text("1\n")
    (tmp_path / "class").mkdir()
    for number in range(12):
        (tmp_path / f"class/p{number}.py").write_text("import time\ntime.sleep(0.4)\nprint(1)\n")
    command = ccx_command("grade", "class", "--tests", "tests", "--server", node.url)
    broken = subprocess.Popen(command, cwd=tmp_path, env=ccx_environment(), stderr=subprocess.PIPE, text=True)
    kept = tmp_path / "class.ccx-grade.jsonl"
    while not kept.exists() or kept.read_text().count("\n") < 4:
        assert broken.poll() is None
    broken.send_signal(signal.SIGINT)
    _, told = broken.communicate(timeout=30)
    assert (broken.returncode, "--resume goes on" in told) == (130, True)
    done = subprocess.run(
        [*command, "--resume"],
        cwd=tmp_path,
        env=ccx_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" ok ") == 12
    ran = sum('"submission ended"' in line and '"verdict": "ok"' in line for line in node.log.all())
    assert ran == 12, "what was graded, or on its way, was not run again"


async def test_a_node_that_is_killed_in_the_middle_loses_nothing(starts_nodes: StartsNodes, tmp_path: Path) -> None:
    node = starts_nodes("grade-killed", max_tasks=1, languages="python")
    port = node.url.rsplit(":", 1)[1]
    requests = [submission("python", f"import time\ntime.sleep(0.3)\nprint({number})\n") for number in range(8)]
    found = {}
    async with node.client() as client:
        async for outcome in client.run_many(requests, at_once=3):
            assert outcome.submission is not None, outcome.error
            found[outcome.number] = outcome.submission.cases[0].stdout
            if len(found) == 2:
                node.process.kill()
                await asyncio.to_thread(starts_nodes, "grade-killed", max_tasks=1, languages="python", CCX_PORT=port)
    assert found == {number: f"{number}\n" for number in range(8)}


async def test_more_than_a_node_takes_waits_its_turn(starts_nodes: StartsNodes) -> None:
    node = starts_nodes(max_tasks=1, languages="python", CCX_QUEUE_BOUND="1")
    told: list[int] = []
    async with node.client() as client:
        requests = (submission("python", f"print({number})\n") for number in range(10))
        outcomes = [outcome async for outcome in client.run_many(requests, at_once=6, on_progress=told.append)]
    assert sorted(outcome.number for outcome in outcomes) == list(range(10))
    assert {outcome.submission.verdict for outcome in outcomes if outcome.submission} == {Verdict.OK}
    assert told == list(range(1, 11))


async def test_what_no_patience_mends_is_the_outcome_of_that_one(session_node: NodeProcess) -> None:
    requests = [submission("python", "print(1)"), submission("cobol", "x")]
    async with session_node.client() as client:
        outcomes = {one.number: one async for one in client.run_many(requests)}
    assert outcomes[0].submission is not None
    assert isinstance(outcomes[1].error, UnknownLanguage)


# The SDK without async


def test_one_line_runs_a_program(session_node: NodeProcess, tmp_path: Path) -> None:
    (tmp_path / "hello.c").write_text('#include <stdio.h>\nint main(void) { puts("hello"); }\n')
    server = session_node.url
    assert ccx.run("print(6 * 7)", "python", server=server).cases[0].stdout == "42\n"
    assert ccx.run(tmp_path / "hello.c", server=server).cases[0].stdout == "hello\n"
    cases = (CaseRequest(stdin="2", expected_stdout="4"), CaseRequest(stdin="3", expected_stdout="9"))
    judged = ccx.run("print(int(input()) ** 2)", "python", cases=cases, server=server)
    assert [case.verdict for case in judged.cases] == [Verdict.OK, Verdict.OK]
    limited = ccx.run("while True: pass", "python", limits={"cpu": 0.3, "memory": "64m"}, server=server)
    assert limited.verdict is Verdict.CPU_TIME_LIMIT
    with pytest.raises(BadInput, match="--language"):
        ccx.run("print(1)", server=server)


def test_one_line_starts_a_node_where_none_is_named() -> None:
    assert ccx.run("print(6 * 7)", "python").cases[0].stdout == "42\n"


async def test_one_line_runs_within_a_loop_as_in_a_notebook(session_node: NodeProcess) -> None:
    assert ccx.run("print(1)", "python", server=session_node.url).cases[0].stdout == "1\n"


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    theirs, ours = methods(Client), methods(SyncClient)
    of_nodes = {"announce", "withdraw", "renew", "join", "cluster_authorities", "renew_certificate"}
    apart = {"interactive"} | of_nodes  # typed to by the loop; said by nodes alone
    assert set(ours) - {"close"} == set(theirs) - apart
    for name in set(ours) - {"close"}:
        assert ours[name] == [one for one in theirs[name] if one != "resume_seconds"], name


def test_the_client_without_async_does_it_all_from_any_thread(session_node: NodeProcess) -> None:
    with SyncClient(session_node.url) as client:
        assert client.health().status == "ok"
        submitted = client.submit(submission("python", "print(1)"), wait=False)
        assert client.wait(submitted.id).verdict is Verdict.OK
        assert [event.type for event in client.events(submitted.id)][-1] == "done"
        requests = [submission("python", f"print({number})") for number in range(5)]
        assert sorted(outcome.number for outcome in client.run_many(requests)) == list(range(5))
        for event in client.run_stream(submission("python", "import time\ntime.sleep(60)")):
            if event.type == "started":
                break
        assert client.list(limit=1).submissions[0].id
    client.close()
