"""The runner in a real, hardened container: programs that attack it, and orchestrators that break the protocol."""

import signal
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.runner_link import (
    BUILDS,
    HARDENING,
    Flag,
    Frame,
    How,
    RunnerGone,
    RunnerLink,
    Sandbox,
    Step,
    open_sandbox,
    runner_image,
)

pytestmark = pytest.mark.docker


@pytest.fixture(params=BUILDS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with open_sandbox(request.param) as sandbox:
        yield sandbox


@pytest.fixture
def link(sandbox: Sandbox) -> RunnerLink:
    return sandbox.link


def perl(script: str) -> Step:
    return Step(("perl", "-e", "$| = 1;" + script))


# ---- programs ----


def test_the_runner_survives_signals_from_a_program(link: RunnerLink) -> None:
    assert link.run(perl("for (1..64) { kill $_, 1; kill $_, -1 } print 'alive'")).stdout == b"alive"
    outcome = link.run(perl("print kill(9, 1), $!{EPERM} ? 'refused' : 'done'"))
    assert outcome.stdout == b"0refused"
    result = link.run(perl("fork or kill 9, -1; sleep 1 while 1")).ended
    assert (result.how, result.code, result.left_behind) == (How.SIGNALLED, signal.SIGKILL, 1)
    assert link.run(Step(("true",))).exit_code == 0


@pytest.mark.parametrize("name", ["mem", "environ", "maps", "exe", "cwd/", "root/", "fd/0", "fd/1", "fd/3", "auxv"])
def test_the_runners_insides_are_closed(link: RunnerLink, name: str) -> None:
    attempt = f"open(F, $_, '/proc/1/{name}') ? 'open' : $!{{EACCES}} || $!{{EPERM}} ? 'shut' : $!"
    script = f"print {attempt} for '<', '+<'"
    assert link.run(perl(script)).stdout == b"shutshut"


def test_the_runners_descriptors_cannot_be_listed(link: RunnerLink) -> None:
    assert link.run(perl("print opendir(D, '/proc/1/fd') ? 'open' : $!{EACCES} ? 'shut' : $!")).stdout == b"shut"


def test_the_runner_cannot_be_traced(link: RunnerLink) -> None:
    attach, seize = 16, 0x4206
    number = "((POSIX::uname())[4] eq 'x86_64' ? 101 : 117)"
    script = (
        f"use POSIX; for ({attach}, {seize}) {{ print syscall({number}, $_, 1, 0, 0), $!{{EPERM}} ? 'refused' : $! }}"
    )
    assert link.run(perl(script)).stdout == b"-1refused-1refused"


def test_the_box_itself_is_closed(link: RunnerLink) -> None:
    script = (
        "print mkdir('/box/x') || 0, rename('/box/work', '/box/y') || 0, rmdir('/box/tmp') || 0,"
        "chmod(0777, '/box') || 0, symlink('/etc', '/box/preserved') || 0"
    )
    assert link.run(perl(script)).stdout == b"00000"


def test_privileges_cannot_be_taken_back(link: RunnerLink) -> None:
    assert link.run(perl("$> = 0; $< = 0; $) = '0 0'; print \"$< $> $( $)\"")).stdout == b"65534 65534 65534 65534"


def test_a_fork_bomb_ends_with_its_step(link: RunnerLink) -> None:
    result = link.run(Step(("perl", "-e", "fork while 1"), wall_seconds=1, cpu_seconds=10)).ended
    assert result.ended_by
    assert result.refused_forks > 0
    assert link.run(Step(("sh", "-c", "echo /proc/[0-9]*"))).stdout.count(b"/proc") == 2


def test_an_output_held_by_an_undelivered_message_delays_no_result(link: RunnerLink) -> None:
    script = (
        "use Socket; use POSIX; socketpair A, B, PF_UNIX, SOCK_DGRAM, 0;"
        "$control = pack 'Q l l l l', 24, SOL_SOCKET, 1, fileno B, 1;"  # the receiver itself, and standard output
        "$vector = pack 'P Q', 'x', 1; $message = pack 'Q L x4 P Q P Q L x4', 0, 0, $vector, 1, $control, 24, 0;"
        "$sendmsg = (uname)[4] eq 'x86_64' ? 46 : 211; print syscall $sendmsg, fileno A, $message, 0"
    )
    assert link.run(perl(script)).stdout == b"1"


def test_a_full_box_is_no_harm_to_the_next_step(link: RunnerLink) -> None:
    link.put_file("file", "kept")
    link.send("P")
    fill = "for ('.', '/tmp', '/dev/shm') { open F, \">$_/big\"; 1 while syswrite F, 'x' x 65536 }"
    assert link.run(replace(perl(fill), file_bytes=1 << 40)).exit_code == 0
    outcome = link.run(Step(("cat", "file"), flags=Flag.RESTORE | Flag.INPUT_COMPLETE))
    assert outcome.stdout == b"kept"


@pytest.mark.parametrize("build", BUILDS)
def test_memory_filled_with_files_costs_the_program_not_the_runner(build: str) -> None:
    fill = (
        "for (1..500) { mkdir qq(d$_) } for ('.', '/dev/shm') { open F, \">$_/big\"; 1 while syswrite F, 'x' x 65536 }"
    )
    step = replace(perl(fill), file_bytes=1 << 40, flags=Flag.RESTORE | Flag.INPUT_COMPLETE)
    with open_sandbox(build, memory="64m", box="64m") as sandbox:
        sandbox.link.send("P")
        results = [sandbox.link.run(step).ended for _ in range(3)]
    assert [(result.how, result.code, result.oom_kills) for result in results] == [
        (How.SIGNALLED, signal.SIGKILL, 1)
    ] * 3


# ---- orchestrators ----

RUN = Step(("sleep", "100")).encoded(1)


def frames(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(Frame(type_, payload).encoded() for type_, payload in parts)


ERRORS = {
    "an unknown type": frames(("Q", b"")),
    "a type that is no letter": frames(("\0", b"")),
    "a frame too long": struct.pack(">Ic", 65_537, b"D"),
    "the longest length": struct.pack(">Ic", 0xFFFFFFFF, b"D"),
    "a path with ..": frames(("F", b"\0a/../b")),
    "a path with .": frames(("F", b"\0./b")),
    "an absolute path": frames(("F", b"\0/etc/passwd")),
    "an empty segment": frames(("F", b"\0a//b")),
    "a slash at the end": frames(("F", b"\0a/")),
    "a NUL in a path": frames(("F", b"\0a\0b")),
    "no path": frames(("F", b"\0")),
    "a segment too long": frames(("F", b"\0" + b"a" * 256)),
    "a path too long": frames(("F", b"\0" + b"a/" * 2048 + b"a")),
    "an unknown file flag": frames(("F", b"\4a")),
    "back to what was not preserved": frames(("B", b"")),
    "bytes of no file": frames(("D", b"x")),
    "bytes after another command": frames(("F", b"\0a"), ("P", b""), ("D", b"x")),
    "a payload too long": frames(("P", b"x")),
    "a payload too short": frames(("S", b"\0\0\0\1")),
    "a step without arguments": frames(("S", Step(()).encoded(1))),
    "an environment without =": frames(("S", Step(("true",), environment=("A",)).encoded(1))),
    "an environment without a name": frames(("S", Step(("true",), environment=("=A",)).encoded(1))),
    "a NUL in an argument": frames(("S", Step(("a\0b",)).encoded(1))),
    "an unknown step flag": frames(("S", Step(("true",), flags=128).encoded(1))),
    "a relative marker": frames(("S", Step(("true",), marker="x").encoded(1))),
    "restoring what was never preserved": frames(("S", Step(("true",), flags=4).encoded(1))),
    "a step number that does not rise": frames(("S", RUN), ("S", RUN)),
    "step 0": frames(("S", Step(("true",)).encoded(0))),
    "a third step": frames(*(("S", Step(("sleep", "100")).encoded(number)) for number in (1, 2, 3))),
    "a file while a step runs": frames(("S", RUN), ("F", b"\0a")),
    "an artifact while a step runs": frames(("S", RUN), ("G", bytes(8) + b"a")),
    "preserving while a step runs": frames(("S", RUN), ("P", b"")),
    "input for a step to come": frames(("I", b"\0\0\0\1x")),
    "cancelling a step that waits": frames(("S", RUN), ("S", Step(("true",)).encoded(2)), ("X", b"\0\0\0\2")),
    "input after its end": frames(("S", RUN), ("I", b"\0\0\0\1x")),
    "a second end of input": frames(("S", RUN), ("E", b"\0\0\0\1")),
    "input beyond its credit": frames(
        ("S", Step(("sleep", "100"), flags=0).encoded(1)), *[("I", b"\0\0\0\1" + bytes(60_000))] * 4
    ),
    "signal 0": frames(("S", RUN), ("K", b"\0\0\0\1\0")),
    "signal 65": frames(("S", RUN), ("K", b"\0\0\0\1\x41")),
}


@pytest.mark.parametrize("raw", ERRORS.values(), ids=ERRORS)
def test_a_breach_of_the_protocol_ends_the_runner_with_a_reason(raw: bytes) -> None:
    with open_sandbox() as sandbox:
        sandbox.link.send_raw(raw)
        frame = sandbox.link.receive()
        while frame.type in {"b", "w"}:
            frame = sandbox.link.receive()
        assert frame.type == "!"
        assert frame.payload
        with pytest.raises(RunnerGone):
            sandbox.link.receive()
        assert sandbox.exit_status() == 1


def test_the_end_of_input_ends_the_runner_and_all_it_runs(sandbox: Sandbox) -> None:
    step = sandbox.link.start(perl("fork; $SIG{HUP} = $SIG{TERM} = 'IGNORE'; print 'ready'; sleep 1 while 1"))
    sandbox.link.wait_until(step, lambda outcome: outcome.stdout == b"readyready")
    sandbox.close_input()
    assert sandbox.exit_status() == 0


def test_half_a_frame_and_the_end_is_no_error(sandbox: Sandbox) -> None:
    sandbox.link.send_raw(b"\0\0\1\0F\0half")
    sandbox.close_input()
    assert sandbox.exit_status() == 0


def test_the_engines_stop_ends_the_runner_at_once(sandbox: Sandbox) -> None:
    step = sandbox.link.start(perl("$SIG{TERM} = 'IGNORE'; print 'ready'; sleep 1 while 1"))
    sandbox.link.wait_until(step, lambda outcome: outcome.stdout == b"ready")
    subprocess.run(
        ["docker", "kill", "--signal", str(int(signal.SIGTERM)), sandbox.name], check=True, capture_output=True
    )
    assert sandbox.exit_status() == 0


def test_frames_in_single_bytes_are_frames(link: RunnerLink) -> None:
    for byte in frames(("F", b"\0a"), ("D", b"content"), ("S", Step(("cat", "a")).encoded(1))):
        link.send_raw(bytes([byte]))
    assert [link.receive().type for _ in range(3)] == ["b", "o", "z"]


@pytest.mark.parametrize("arguments", [(), ("0",), ("x",), ("65534", "y"), ("-1",)])
def test_the_runner_runs_for_no_odd_uid(arguments: tuple[str, ...]) -> None:
    command = ["docker", "run", "--rm", *HARDENING, runner_image("plain"), "/ccx/runner", *arguments]
    answer = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert answer.returncode == 1
    assert b"usage" in answer.stdout
