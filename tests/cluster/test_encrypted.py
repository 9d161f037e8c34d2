"""Three Docker hosts that come up locked by the documented commands, and what somebody reads on the wires."""

from __future__ import annotations

import asyncio
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ccx.client import Client
from ccx.trust import blind_context, fingerprint_of
from ccx.wire import NodeHealth, Verdict
from tests.cluster.hosts import PORT, Host, docker_host, linked
from tests.support.node import NodeProcess, ccx_command, ccx_environment, eventually, submission

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

COMMAND_SECONDS = 60
PLAIN_PORT = PORT + 100
NOBODYS_PORT = 9
MARKER = "a-marker-that-nobody-may-read"
# The program, its input and its output have it.
PROGRAM = f"# {MARKER}\nprint(input().upper().lower())\n"
LIMITS = {"wall_seconds": 30}


@pytest.fixture
def three(makes_hosts: Callable[..., Host], python_host: Host, c_host: Host) -> Iterator[tuple[Host, Host, Host]]:
    """A host for the master, which has no image, and two for slaves, each linked to it."""
    with ExitStack() as stack:
        master = stack.enter_context(docker_host([]))
        stack.enter_context(linked(master, python_host, 0))
        stack.enter_context(linked(master, c_host, 1))
        yield master, python_host, c_host


class Shell:
    """Commands on a host, as its operator types them; its nodes keep what they know in a folder of that host."""

    def __init__(self, host: Host, folder: Path, stack: ExitStack) -> None:
        self.host = host
        self.folder = folder / host.name
        self.folder.mkdir(exist_ok=True)
        self._stack = stack

    def ccx(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            self.host.inside(*ccx_command(*words)),
            env=ccx_environment(CCX_STATE_DIR=str(self.folder / "state")),
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def serve(self, name: str, *words: str, port: int = PORT) -> NodeProcess:
        environment = {"DOCKER_HOST": self.host.engine, "CCX_PORT": str(port), "CCX_POOL": "false"}
        node = NodeProcess(name, self.folder, *words, prefix=self.host.inside(), **environment)
        return self._stack.enter_context(node)


@contextmanager
def recorded(host: Host, file: Path) -> Iterator[None]:
    """All that goes over the host's links while the context lasts is in that file at its end."""
    command = host.inside("tshark", "-i", "any", "-w", str(file), "-q")
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        send_until_recorded(host, file, b"ccx: the first")
        yield
        send_until_recorded(host, file, b"ccx: the last")
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(COMMAND_SECONDS)


def send_until_recorded(host: Host, file: Path, words: bytes) -> None:
    """It records only some time after it says so, and what it has not read when it is stopped is lost."""
    deadline = time.monotonic() + COMMAND_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        while not file.exists() or words not in file.read_bytes():
            assert time.monotonic() < deadline, f"not recorded: {words!r}"
            sender.sendto(words, (host.address, NOBODYS_PORT))
            time.sleep(0.1)


def packets(file: Path, which: str) -> int:
    """How many of that kind were recorded, in the words of a display filter."""
    command = ["tshark", "-r", str(file), "-Y", which, "-T", "fields", "-e", "frame.number"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True)
    return len(done.stdout.split())


async def test_nobody_reads_what_goes_between_three_hosts_that_came_up_by_the_documented_commands(
    three: tuple[Host, Host, Host], suite: str, tmp_path: Path
) -> None:
    master_host, python_host, _ = three
    file = tmp_path / "wires.pcapng"
    names = [f"{suite}-m", f"{suite}-p", f"{suite}-c"]
    with ExitStack() as stack:
        master, python, c = (Shell(host, tmp_path, stack) for host in three)
        stack.enter_context(recorded(master_host, file))
        of_master = ("--node", names[0])
        master.ccx("cluster", "init", *of_master)
        node = master.serve(names[0], "--host", "0.0.0.0", "--tls", "--languages", "none")
        for number, (shell, name) in enumerate(((python, names[1]), (c, names[2]))):
            command = master.ccx("cluster", "join-command", "--address", f"10.214.{number}.1", *of_master)
            shell.serve(name, *shlex.split(command)[2:])
        token = master.ccx("token", "create", "root", "--role", "admin", *of_master)
        url = f"https://{master_host.address}:{PORT}"
        async with Client(url, tls=blind_context()) as stranger:
            authority = await stranger.authority()
        assert fingerprint_of(authority) in node.line_with("authority's SHA-256")
        async with Client(url, token=token, ca=authority) as client:

            async def all_serve() -> bool:
                return {language.name for language in await client.languages()} >= {"c", "python"}

            await eventually(all_serve, "both slaves have joined")
            ran = await client.submit(submission("python", PROGRAM, stdin=MARKER + "\n", limits=LIMITS))
            assert (ran.verdict, ran.node, ran.cases[0].stdout) == (Verdict.OK, names[1], MARKER + "\n")
            hello = '#include <stdio.h>\nint main(void) { puts("hello"); }\n'
            assert (await client.submit(submission("c", hello, limits=LIMITS))).node == names[2]
            assert {one.name: one.health for one in await client.nodes()} == dict.fromkeys(names, NodeHealth.OK)
            assert (await client.health()).posture == "locked"
    said = file.read_bytes()
    for secret in (MARKER, token, "ccxjoin_", "print(", "puts("):
        assert secret.encode() not in said
    assert packets(file, "tls.handshake.type == 1") >= 3
    assert packets(file, "http") == 0

    # Without TLS it is all there: so it was looked for in the right place.
    plain = tmp_path / "plain.pcapng"
    with ExitStack() as stack:
        Shell(python_host, tmp_path, stack).serve(f"{suite}-open", "--host", "0.0.0.0", "--insecure", port=PLAIN_PORT)
        stack.enter_context(recorded(master_host, plain))
        (master.folder / "program.py").write_text(PROGRAM)
        words = ("run", "program.py", "--quiet", "--server", f"http://10.214.0.2:{PLAIN_PORT}")
        assert await asyncio.to_thread(master.ccx, *words, stdin=MARKER) == MARKER
    assert MARKER.encode() in plain.read_bytes()
    assert packets(plain, "http") > 0
