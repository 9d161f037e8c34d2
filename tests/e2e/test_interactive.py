"""`ccx run -i` in a real terminal, with real programs in real sandboxes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from ccx.events import CaseEnded, Done, Output
from ccx.messages import Terminal
from ccx.wire import Verdict
from tests.support.node import (
    DEADLINE_SECONDS,
    NodeProcess,
    SandboxWatch,
    StartsNodes,
    ccx_command,
    ccx_environment,
    submission,
)
from tests.support.terminal import TerminalProcess

pytestmark = pytest.mark.docker

EXAMPLES = Path(__file__).parents[2] / "examples"
GAMES = [EXAMPLES / "guess.py", EXAMPLES / "guess.c", EXAMPLES / "Guess.java"]
CHILD_ECHO = """
import os, sys
print(os.isatty(0), os.isatty(1), os.environ.get("TERM"), flush=True)
for line in sys.stdin:
    print("got", line.strip(), *os.get_terminal_size(0), flush=True)
print("end", flush=True)
"""


def run_interactively(program: Path, node: NodeProcess | None, **size: int) -> TerminalProcess:
    server = {} if node is None else {"CCX_SERVER": node.url}
    return TerminalProcess(ccx_command("run", "-i", program), env=ccx_environment(**server), **size)


def play(terminal: TerminalProcess) -> int:
    """Guess by halves; how many guesses it took."""
    low, high, tries = 1, 100, 0
    while True:
        terminal.sees("Your guess: ")
        guess = (low + high) // 2
        terminal.types(f"{guess}\r")
        tries += 1
        match terminal.sees("Higher|Lower|Right")[0]:
            case "Right":
                return tries
            case "Higher":
                low = guess + 1
            case _:
                high = guess - 1


@pytest.mark.parametrize("program", GAMES, ids=lambda path: path.name)
def test_a_game_is_played_to_its_end_in_every_language(session_node: NodeProcess, program: Path) -> None:
    with run_interactively(program, session_node) as terminal:
        terminal.sees("between 1 and 100")
        terminal.types("seven\r")
        terminal.sees("A number, please")
        tries = play(terminal)
        terminal.sees(f"after {tries}")
        terminal.sees(r"ccx: \x1b\[32mok")
        assert terminal.ends() == 0
        assert terminal.is_as_before()


@pytest.mark.parametrize("program", GAMES, ids=lambda path: path.name)
def test_ctrl_c_goes_to_the_program(session_node: NodeProcess, program: Path) -> None:
    with run_interactively(program, session_node) as terminal:
        terminal.sees("Your guess: ")
        terminal.types("\x03")
        terminal.sees(r"It was \d+")
        terminal.sees("ccx: ")
        terminal.ends()
        assert terminal.is_as_before()


@pytest.mark.parametrize("program", GAMES, ids=lambda path: path.name)
def test_ctrl_d_is_the_end_of_input(session_node: NodeProcess, program: Path) -> None:
    with run_interactively(program, session_node) as terminal:
        terminal.sees("Your guess: ")
        terminal.types("\x04")
        terminal.sees("You gave up")
        assert terminal.ends() == 0


def test_without_a_server_it_is_the_same(images: None) -> None:
    with run_interactively(EXAMPLES / "guess.py", None) as terminal:
        play(terminal)
        assert terminal.ends() == 0
        assert terminal.is_as_before()


def test_the_program_has_a_terminal_of_this_size_and_learns_of_another(
    session_node: NodeProcess, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text(CHILD_ECHO)
    with run_interactively(tmp_path / "a.py", session_node, rows=30, columns=100) as terminal:
        terminal.sees("True True xterm-256color")
        terminal.types("one\r")
        terminal.sees("got one 100 30")
        terminal.resize(40, 120)
        terminal.process.send_signal(signal.SIGWINCH)
        for _ in range(50):
            terminal.types("two\r")
            if terminal.sees(r"got two (\d+) \d+")[1] == "120":
                break
        else:
            pytest.fail("the new size did not arrive")
        terminal.types("\x04")
        assert terminal.ends() == 0


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=str,
)
def test_a_signal_to_ccx_restores_the_terminal_and_ends_the_program(
    session_node: NodeProcess, number: signal.Signals, status: int
) -> None:
    with SandboxWatch(session_node.name) as watch, run_interactively(EXAMPLES / "guess.py", session_node) as terminal:
        terminal.sees("Your guess: ")
        assert not terminal.is_as_before()
        terminal.process.send_signal(number)
        assert terminal.ends() == status
        assert terminal.is_as_before()
        asyncio.run(watch.wait_for("destroy"))


def test_a_node_that_is_lost_restores_the_terminal(starts_nodes: StartsNodes) -> None:
    node = starts_nodes()
    with run_interactively(EXAMPLES / "guess.py", node) as terminal:
        terminal.sees("Your guess: ")
        node.stop(signal.SIGKILL)
        assert terminal.ends() == 211
        assert terminal.is_as_before()
    starts_nodes(node.name)  # clears away what the killed one left


def test_without_a_terminal_it_streams_and_keeps_both_outputs_apart(session_node: NodeProcess, tmp_path: Path) -> None:
    program = tmp_path / "a.py"
    program.write_text(
        "import os, sys\nprint(os.isatty(0), flush=True)\n"
        "for line in sys.stdin:\n print(line.upper(), end='', flush=True)\nprint('bye', file=sys.stderr)\n"
    )
    process = subprocess.Popen(
        ccx_command("run", "-i", "-q", program),
        env=ccx_environment(CCX_SERVER=session_node.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"False\n"
        for word in (b"one\n", b"two\n"):
            process.stdin.write(word)
            process.stdin.flush()
            assert process.stdout.readline() == word.upper()
        rest, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert (rest, errors, process.returncode) == (b"", b"bye\n", 0)


def test_a_file_of_many_windows_goes_in_and_comes_out_unchanged(session_node: NodeProcess, tmp_path: Path) -> None:
    program, data = tmp_path / "cat.py", tmp_path / "data"
    program.write_text("import shutil, sys\nshutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)\n")
    content = bytes(range(256)) * 3_000
    data.write_bytes(content)
    with data.open("rb") as stdin:
        done = subprocess.run(
            ccx_command("run", "-i", program),
            env=ccx_environment(CCX_SERVER=session_node.url),
            stdin=stdin,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            check=True,
        )
    assert done.stdout == content


async def test_signals_and_limits_apply_to_an_interactive_program(session_node: NodeProcess) -> None:
    async with session_node.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        for name, verdict in (("TERM", "SIGTERM"), ("KILL", "SIGKILL")):
            sleeping = submission("python", "import time\nprint('begun', flush=True)\ntime.sleep(100)\n")
            async with client.interactive(sleeping) as session:
                async for event in session.events():
                    if isinstance(event, Output):
                        await session.signal(name)  # type: ignore[arg-type]
                    if isinstance(event, CaseEnded):
                        assert (event.verdict, event.signal) == (Verdict.RUNTIME_ERROR, verdict)
        flood = submission("python", "while True: print('x' * 1000)\n")
        async with client.interactive(flood, Terminal(rows=24, columns=80)) as session:
            last = [event async for event in session.events()][-1]
            assert isinstance(last, Done)
            assert last.verdict is Verdict.OUTPUT_LIMIT
        waiting = submission("python", "input()\n", limits={"wall_seconds": 0.5})
        async with client.interactive(waiting) as session:
            last = [event async for event in session.events()][-1]
            assert isinstance(last, Done)
            assert last.verdict is Verdict.WALL_TIME_LIMIT


async def test_the_sandbox_goes_when_the_socket_does(session_node: NodeProcess) -> None:
    with SandboxWatch(session_node.name) as watch:
        async with session_node.client() as client, asyncio.timeout(DEADLINE_SECONDS):
            async with client.interactive(submission("python", "input()\n")) as session:
                async for event in session.events():
                    if event.type == "started":
                        break
            await watch.wait_for("destroy")


async def test_a_language_that_compiles_takes_what_was_typed_ahead(session_node: NodeProcess) -> None:
    source = '#include <stdio.h>\nint main(void) { int n; if (scanf("%d", &n) == 1) printf("%d\\n", 2 * n); }\n'
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        session_node.client() as client,
        client.interactive(submission("c", source)) as session,
    ):
        await session.type(b"21\n")
        events = [event async for event in session.events()]
    assert "".join(event.data for event in events if isinstance(event, Output)) == "42\n"
