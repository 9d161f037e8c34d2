"""`ccx run` as users have it: the real command, its own embedded node or a server, and real programs."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ccx.cli.output.exit_codes import ExitCode
from ccx.wire import Submission, Verdict
from tests.support.node import (
    DEADLINE_SECONDS,
    NodeProcess,
    SandboxWatch,
    ccx_command,
    ccx_environment,
    containers_with,
)

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("images")]

PROGRAMS = {
    "double.py": "print(int(input()) * 2)\n",
    "double.c": '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", 2 * n); }\n',
    "Double.java": "void main() { IO.println(2 * Integer.parseInt(IO.readln())); }\n",
}


class Ccx:
    """The command, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    @contextmanager
    def started(
        self, *arguments: str, leaves_sandboxes: bool = False, environment: dict[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The running command. However it ends, none of its sandboxes may be left; only a killed one can leave some."""
        with subprocess.Popen(
            ccx_command(*arguments),
            env=ccx_environment(COLUMNS="160") | (environment or {}),
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
                process.communicate()
        assert leaves_sandboxes or self.sandboxes(process.pid) == []

    def sandboxes(self, pid: int) -> list[dict[str, Any]]:
        """The sandboxes of the node embedded in that process."""
        owner = f"{socket.gethostname()}:{pid}:"
        return [
            each for each in containers_with("ccx.owner=embedded") if each["Labels"]["ccx.process"].startswith(owner)
        ]

    def __call__(self, *arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
        with self.started(*arguments, environment=environment) as process:
            stdout, stderr = process.communicate(stdin, timeout=DEADLINE_SECONDS)
            return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)


@pytest.fixture
def ccx(tmp_path: Path) -> Ccx:
    return Ccx(tmp_path)


@pytest.mark.parametrize(
    ("closed", "told"), [("<&-", b"1\n"), ("2>&-", b"1\n"), ("<&- 2>&-", b"1\n"), ("<&- >&- 2>&-", b"")]
)
def test_a_stream_that_is_closed_is_an_empty_one(ccx: Ccx, closed: str, told: bytes) -> None:
    command = shlex.join(ccx_command("run", ccx.write("one.py", "print(1)\n")))
    ended = subprocess.run(
        ["bash", "-c", f"{command} {closed}"],
        env=ccx_environment(),
        cwd=ccx.folder,
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, told), ended.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_is_run_on_this_machine_with_nothing_else_given(ccx: Ccx, name: str) -> None:
    ended = ccx("run", ccx.write(name, PROGRAMS[name]), stdin=b"21\n")

    assert (ended.returncode, ended.stdout) == (0, b"42\n"), ended.stderr
    assert ended.stderr.startswith(b"ccx: ok \xc2\xb7 ")
    assert len(ended.stderr.splitlines()) == 1


def test_what_is_piped_in_slowly_is_passed_on_as_it_comes(ccx: Ccx) -> None:
    echo = ccx.write("echo.py", "import sys\nfor line in sys.stdin:\n    print(line.upper(), end='', flush=True)\n")

    with ccx.started("run", echo, environment={"TERM": "dumb"}) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for word in (b"one\n", b"two\n"):
            process.stdin.write(word)
            process.stdin.flush()
            assert process.stdout.readline() == word.upper()
        process.stdin.close()
        process.stdin = None
        assert process.wait(DEADLINE_SECONDS) == 0


def test_a_reader_that_leaves_cancels_what_runs(ccx: Ccx) -> None:
    count = ccx.write("count.py", "import itertools\nfor n in itertools.count():\n    print(n, flush=True)\n")

    with ccx.started("run", "--limit", "cpu=50,wall=60,output=16m", count) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdin = None
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        process.stdout = None
        assert process.wait(DEADLINE_SECONDS) == ExitCode.READER_GONE


def test_the_outputs_come_out_as_they_are_and_the_exit_code_as_well(ccx: Ccx) -> None:
    source = "import sys\nsys.stdout.buffer.write(bytes(range(256)))\nsys.stderr.write('to stderr\\n')\nsys.exit(7)\n"

    ended = ccx("run", ccx.write("main.py", source))

    assert (ended.returncode, ended.stdout) == (7, bytes(range(256)))
    program, verdict = ended.stderr.decode().splitlines()
    assert program == "to stderr"
    assert verdict.startswith("ccx: runtime_error: It exited with status 7 · ")


def test_a_signal_becomes_the_exit_code_that_a_shell_gives_it(ccx: Ccx) -> None:
    ended = ccx("run", ccx.write("crash.c", "int main(void) { *(volatile int *)0 = 1; }\n"))

    assert ended.returncode == 128 + signal.SIGSEGV
    assert b"SIGSEGV" in ended.stderr


def test_what_does_not_compile_is_told_on_standard_error(ccx: Ccx) -> None:
    ended = ccx("run", ccx.write("broken.c", "int main(void) { return missing; }\n"))

    assert (ended.returncode, ended.stdout) == (ExitCode.COMPILE_ERROR, b"")
    assert b"broken.c:1:25: error:" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(b"ccx: compile_error: It does not compile")


def test_a_limit_has_an_exit_code_of_its_own_and_its_name_in_the_verdict(ccx: Ccx) -> None:
    ended = ccx("run", "--limit", "cpu=300ms", ccx.write("spin.py", "print('so far')\nwhile True: pass\n"))

    assert (ended.returncode, ended.stdout) == (ExitCode.CPU_TIME_LIMIT, b"so far\n")
    assert b"ccx: cpu_time_limit: It used more than 0.3 s of CPU time" in ended.stderr


def test_a_whole_submission_can_be_had_as_json(ccx: Ccx) -> None:
    ended = ccx("run", "--json", ccx.write("main.py", "print(input())\n"), stdin="grüß\n".encode())

    assert (ended.returncode, ended.stderr) == (0, b"")
    result = Submission.model_validate(json.loads(ended.stdout))
    assert (result.verdict, result.cases[0].stdout, result.node) == (Verdict.OK, "grüß\n", "embedded")


def test_quiet_says_nothing_of_its_own(ccx: Ccx) -> None:
    ended = ccx("run", "--quiet", ccx.write("main.py", "raise SystemExit(3)\n"))

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, b"", b"")


def test_arguments_after_two_dashes_are_the_programs(ccx: Ccx) -> None:
    ended = ccx("run", "-q", ccx.write("main.py", "import sys\nprint(sys.argv[1:])\n"), "--", "--json", "a b", "")

    assert ended.stdout == b"['--json', 'a b', '']\n"


def test_several_files_are_one_program(ccx: Ccx) -> None:
    ccx.write("area.c", '#include "area.h"\nint area(int a, int b) { return a * b; }\n')
    ccx.write("area.h", "int area(int a, int b);\n")
    ccx.write("main.c", '#include "area.h"\n#include <stdio.h>\nint main(void) { printf("%d\\n", area(6, 7)); }\n')

    ended = ccx("run", "main.c", "area.c", "area.h")

    assert (ended.returncode, ended.stdout) == (0, b"42\n"), ended.stderr


def test_a_folder_is_one_program(ccx: Ccx) -> None:
    ccx.write("project/main.py", "from tools import answer\nprint(answer.ANSWER, open('data/text').read())\n")
    ccx.write("project/tools/answer.py", "ANSWER = 42\n")
    ccx.write("project/data/text", "text")
    ccx.write("project/.hidden/secret.py", "")

    ended = ccx("run", "project")

    assert (ended.returncode, ended.stdout) == (0, b"42 text\n"), ended.stderr


def test_files_that_a_program_leaves_can_be_had(ccx: Ccx) -> None:
    ccx.write("plot.py", "open('plot.bin', 'wb').write(bytes(range(256)))\n")

    ended = ccx("run", "plot.py", "--artifact", "plot.bin", "--artifact", "other", "--artifacts-dir", "out")

    assert ended.returncode == 0
    assert ccx.folder.joinpath("out/plot.bin").read_bytes() == bytes(range(256))
    assert b"no artifact 'other': there is no such file" in ended.stderr


def test_an_expected_output_is_compared(ccx: Ccx) -> None:
    ccx.write("expected", "43\n")

    ended = ccx("run", ccx.write("main.py", "print(42)\n"), "--expect", "expected")

    assert (ended.returncode, ended.stdout) == (ExitCode.WRONG_ANSWER, b"42\n")


def test_a_server_can_be_named(ccx: Ccx, session_node: NodeProcess) -> None:
    program = ccx.write("main.py", "print(42)\n")

    by_option = ccx("run", "--json", "--server", session_node.url, program)
    by_environment = ccx("run", "--json", program, CCX_SERVER=session_node.url)

    for ended in (by_option, by_environment):
        assert Submission.model_validate_json(ended.stdout).node == session_node.name


def test_a_server_that_is_not_there_is_told_in_one_sentence(ccx: Ccx) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"

        ended = ccx("run", "--server", server, ccx.write("main.py", ""))

    assert (ended.returncode, ended.stdout) == (ExitCode.NODE_UNREACHABLE, b"")
    assert ended.stderr.startswith(b"ccx: No ccx node answers at " + server.encode())
    assert len(ended.stderr.splitlines()) == 1


def test_without_an_engine_the_remedy_is_told_in_one_sentence(ccx: Ccx) -> None:
    ended = ccx("run", ccx.write("main.py", ""), DOCKER_HOST="unix:///nowhere/docker.sock")

    assert ended.returncode == ExitCode.INTERNAL_ERROR
    assert ended.stderr.startswith(b"ccx: No Docker engine answers at unix:///nowhere/docker.sock.")
    assert len(ended.stderr.splitlines()) == 1


def test_what_a_node_refuses_is_told_in_one_sentence(ccx: Ccx) -> None:
    ended = ccx("run", ccx.write("main.py", ""), "--limit", "cpu=3600")

    assert ended.returncode == ExitCode.BAD_INPUT
    assert b"limits.cpu_seconds: must be at most 60" in ended.stderr


def test_the_languages_of_this_machine_are_listed(ccx: Ccx) -> None:
    ended = ccx("languages")

    assert ended.returncode == 0
    for word in (b"python", b"java", b"gcc 14", b"OpenJDK 25", b"Python 3.13"):
        assert word in ended.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_command_that_is_interrupted_leaves_no_sandbox(ccx: Ccx, number: signal.Signals) -> None:
    program = ccx.write("main.py", "import time\ntime.sleep(60)\n")
    with SandboxWatch("embedded") as watch, ccx.started("run", program) as process:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        started = watch.wait_for_ours(process.pid)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=DEADLINE_SECONDS)

    assert process.returncode in {ExitCode.INTERRUPTED, -number, 128 + number}
    assert b"Traceback" not in stderr
    assert started.labels["ccx.process"].split(":")[1] == str(process.pid)


def test_what_a_killed_command_leaves_is_cleared_away_by_the_next(ccx: Ccx) -> None:
    endless = ccx.write("endless.py", "import time\ntime.sleep(60)\n")
    with SandboxWatch("embedded") as watch, ccx.started("run", endless, leaves_sandboxes=True) as process:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        watch.wait_for_ours(process.pid)
        process.kill()
        process.wait()

    assert ccx("run", ccx.write("main.py", "print(1)\n")).stdout == b"1\n"
    assert ccx.sandboxes(process.pid) == []


def test_many_commands_at_once_do_not_disturb_each_other(ccx: Ccx) -> None:
    program = ccx.write("main.py", "import time\ntime.sleep(0.5)\nprint(input())\n")
    processes = [
        subprocess.Popen(
            ccx_command("run", "-q", program),
            env=ccx_environment(),
            cwd=ccx.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    deadline = time.monotonic() + DEADLINE_SECONDS
    for number, process in enumerate(processes):
        stdout, stderr = process.communicate(f"{number}\n".encode(), timeout=deadline - time.monotonic())
        assert (process.returncode, stdout, stderr) == (0, f"{number}\n".encode(), b"")
    assert [each for process in processes for each in ccx.sandboxes(process.pid)] == []
