"""The orchestrator's end of the runner's protocol and a sandbox to speak it to, for tests of the runner.

Written from images/runner/PROTOCOL.md alone and blocking throughout. The orchestrator has its own codec: two readings
of one contract find more than one reading used twice. Every wait has a deadline and raises `TimeoutError`.
"""

import contextlib
import functools
import os
import select
import shutil
import struct
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Self

HEADER = struct.Struct(">Ic")
WINDOW = 65_536
DEADLINE_SECONDS = 60.0
MIB = 1 << 20
UID = 65_534

RUNNER_ROOM = Path(__file__).parents[2] / "images" / "runner"
# The sanitized build carries its sanitizers with it, so both run in the same image, under the same hardening.
BUILDS = {"plain": "runner", "sanitized": "runner-sanitized"}
DOCKERFILE = """\
FROM debian:trixie-slim
RUN rm -rf /tmp && ln -s /box/tmp /tmp
COPY runner /ccx/runner
"""
HARDENING = (
    *("--label", "ccx=test", "--log-driver", "none", "--network", "none", "--read-only"),
    *("--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID", "--cap-add", "KILL"),
    *("--security-opt", "no-new-privileges"),
)


class How(IntEnum):
    """What became of the main process."""

    EXITED = 0
    SIGNALLED = 1
    NOT_STARTED = 2


class EndedBy(IntEnum):
    """What the runner enforced."""

    NOTHING = 0
    CPU_TIME = 1
    WALL_TIME = 2
    STDOUT = 3
    STDERR = 4
    CANCELLED = 5


class Flag(IntEnum):
    """Flags of a step."""

    INPUT_COMPLETE = 1
    TERMINAL = 2
    RESTORE = 4
    PRESTARTED = 8
    GIVES_BACK = 16


class RunnerGone(Exception):
    """The runner closed its output."""


@dataclass(frozen=True)
class Frame:
    type: str
    payload: bytes

    def encoded(self) -> bytes:
        return HEADER.pack(len(self.payload), self.type.encode()) + self.payload


@dataclass(frozen=True)
class Step:
    """A step with limits that no well-behaved program meets."""

    arguments: tuple[str | bytes, ...]
    input: bytes = b""
    flags: int = Flag.INPUT_COMPLETE
    cpu_seconds: float = 30
    wall_seconds: float = 30
    output_bytes: int = MIB
    file_bytes: int = 64 * MIB
    address_space_bytes: int = 2**64 - 1
    open_files: int = 256
    marker: str = ""
    environment: tuple[str, ...] = ("PATH=/usr/bin:/bin", "LC_ALL=C")

    def encoded(self, number: int) -> bytes:
        times = (int(self.cpu_seconds * 1e6), int(self.wall_seconds * 1e6))
        kernel = {1: self.file_bytes, 7: self.open_files, 9: self.address_space_bytes}
        return b"".join(
            [
                struct.pack(">IBQQQB", number, self.flags, *times, self.output_bytes, len(kernel)),
                *(struct.pack(">BQ", resource, most) for resource, most in kernel.items()),
                str16(self.marker),
                strings(self.arguments),
                strings(self.environment),
                self.input,
            ]
        )


def str16(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack(">H", len(raw)) + raw


def strings(texts: tuple[str | bytes, ...]) -> bytes:
    return struct.pack(">H", len(texts)) + b"".join(str16(text) for text in texts)


@dataclass(frozen=True)
class Result:
    step: int
    how: How
    code: int
    ended_by: EndedBy
    cpu_us: int
    wall_us: int
    memory_bytes: int
    stdout_bytes: int
    stderr_bytes: int
    oom_kills: int
    refused_forks: int
    marker: bool
    left_behind: int

    @classmethod
    def decoded(cls, payload: bytes) -> Self:
        step, how, code, ended_by, *rest = struct.unpack(">IBIBQQQQQII?I", payload)
        return cls(step, How(how), code, EndedBy(ended_by), *rest)


@dataclass
class Outcome:
    """What has come from one step so far."""

    stdout: bytes = b""
    stderr: bytes = b""
    credit: int = 0
    began: bool = False
    result: Result | None = None

    @property
    def ended(self) -> Result:
        assert self.result is not None
        return self.result

    @property
    def exit_code(self) -> int:
        assert self.ended.how is How.EXITED, self
        return self.ended.code

    def add(self, frame: Frame) -> None:
        body = frame.payload[4:]
        match frame.type:
            case "b":
                self.began = True
            case "o":
                self.stdout += body
            case "e":
                self.stderr += body
            case "w":
                self.credit += struct.unpack(">I", body)[0]
            case "z":
                self.result = Result.decoded(frame.payload)
            case _:
                raise AssertionError(frame)


@dataclass
class RunnerLink:
    """Speaks to one runner over two file descriptors; owns neither."""

    to_runner: int
    from_runner: int
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    received: bytearray = field(default_factory=bytearray)
    is_prestarted: bool = False
    """What was started ahead has said that it waits."""

    def send(self, type_: str, payload: bytes = b"") -> None:
        self.send_raw(Frame(type_, payload).encoded())

    def send_raw(self, raw: bytes) -> None:
        left = memoryview(raw)
        while left:
            left = left[os.write(self.to_runner, left) :]

    def receive(self) -> Frame:
        """The next frame; `RunnerGone` once the runner has closed its output."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while (frame := self._take_frame()) is None:
            self._fill(deadline)
        return frame

    def _take_frame(self) -> Frame | None:
        if len(self.received) < HEADER.size:
            return None
        size, type_ = HEADER.unpack_from(self.received)
        end = HEADER.size + size
        if len(self.received) < end:
            return None
        frame = Frame(type_.decode(), bytes(self.received[HEADER.size : end]))
        del self.received[:end]
        return frame

    def _fill(self, deadline: float) -> None:
        readable, _, _ = select.select([self.from_runner], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise TimeoutError("no frame from the runner")
        if not (chunk := os.read(self.from_runner, 1 << 16)):
            raise RunnerGone
        self.received += chunk

    # ---- files ----

    def put_file(self, path: str, content: str | bytes, *, executable: bool = False, replaces: bool = False) -> None:
        raw = content if isinstance(content, bytes) else content.encode()
        self.send("F", bytes([executable | replaces << 1]) + path.encode())
        for start in range(0, len(raw), WINDOW):
            self.send("D", raw[start : start + WINDOW])

    def list_files(self) -> tuple[list[bytes], bool]:
        """The paths, sorted, and whether these are all."""
        self.send("L")
        frame = self.receive()
        assert frame.type == "n", frame
        paths, at = [], 1
        while at < len(frame.payload):
            end = at + 2 + int(struct.unpack_from(">H", frame.payload, at)[0])
            paths.append(frame.payload[at + 2 : end])
            at = end
        assert at == len(frame.payload)
        return sorted(paths), bool(frame.payload[0])

    def get_file(self, path: str, most_bytes: int = MIB) -> tuple[int, bytes]:
        """Status and content."""
        self.send("G", struct.pack(">Q", most_bytes) + path.encode())
        frame = self.receive()
        assert frame.type == "a", frame
        status, size = struct.unpack(">BQ", frame.payload)
        content = b""
        while len(content) < size:
            frame = self.receive()
            assert frame.type == "d", frame
            content += frame.payload
        assert len(content) == size
        return status, content

    # ---- steps ----

    def prestart(self, step: Step, counted_bytes: int = 0) -> None:
        """Starts the step's program ahead, with its arguments and environment."""
        self.send("R", struct.pack(">Q", counted_bytes) + strings(step.arguments) + strings(step.environment))

    def start(self, step: Step) -> int:
        number = len(self.outcomes) + 1
        self.outcomes[number] = Outcome(credit=WINDOW - len(step.input))
        self.send("S", step.encoded(number))
        return number

    def give(self, number: int, data: bytes) -> None:
        self.outcomes[number].credit -= len(data)
        self.send("I", struct.pack(">I", number) + data)

    def end_input(self, number: int) -> None:
        self.send("E", struct.pack(">I", number))

    def signal(self, number: int, signal: int) -> None:
        self.send("K", struct.pack(">IB", number, signal))

    def cancel(self, number: int) -> None:
        self.send("X", struct.pack(">I", number))

    def resize(self, number: int, rows: int, columns: int) -> None:
        self.send("V", struct.pack(">IHH", number, rows, columns))

    def wait_until(self, number: int, met: Callable[[Outcome], bool]) -> Outcome:
        """Takes frames until the step's outcome is as wished."""
        while not met(self.outcomes[number]):
            frame = self.receive()
            if frame.type == "!":
                raise AssertionError(frame.payload.decode())
            if frame.type == "p":
                self.is_prestarted = True
                continue
            self.outcomes[struct.unpack_from(">I", frame.payload)[0]].add(frame)
        return self.outcomes[number]

    def finish(self, number: int) -> Outcome:
        return self.wait_until(number, lambda outcome: outcome.result is not None)

    def run(self, step: Step) -> Outcome:
        return self.finish(self.start(step))

    def feed(self, number: int, data: bytes) -> Outcome:
        """Sends input as the credit comes, then its end, and waits for the step."""
        while data and self.outcomes[number].result is None:
            self.wait_until(number, lambda outcome: outcome.credit > 0 or outcome.result is not None)
            size = min(self.outcomes[number].credit, WINDOW - 4, len(data))
            self.give(number, data[:size])
            data = data[size:]
        self.end_input(number)
        return self.finish(number)


@dataclass(frozen=True)
class Sandbox:
    """A container whose PID 1 is the runner, and the wire to it."""

    name: str
    process: subprocess.Popen[bytes]
    link: RunnerLink
    cgroup: int

    def runner_pid(self) -> int:
        """As the host sees it."""
        command = ["docker", "inspect", "--format", "{{.State.Pid}}", self.name]
        return int(subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_SECONDS).stdout)

    def close_input(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def exit_status(self) -> int:
        return self.process.wait(DEADLINE_SECONDS)


@functools.cache
def runner_image(build: str) -> str:
    """Builds the runner as it is now, and a small image around it; Docker's cache makes all but the first quick."""
    tag = f"ccx-test-runner:{build}"
    with tempfile.TemporaryDirectory() as context:
        make = ["make", "--silent", "-f", str(RUNNER_ROOM / "Makefile"), BUILDS[build]]
        subprocess.run(make, cwd=context, check=True, timeout=DEADLINE_SECONDS)
        if BUILDS[build] != "runner":
            shutil.move(Path(context, BUILDS[build]), Path(context, "runner"))
        Path(context, "Dockerfile").write_text(DOCKERFILE)
        command = ["docker", "build", "--quiet", "--label", "ccx=test", "--tag", tag, context]
        subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_SECONDS)
    return tag


@contextlib.contextmanager
def open_sandbox(
    build: str = "plain", *, memory: str = "256m", processes: int = 64, box: str = "64m", more: tuple[str, ...] = ()
) -> Iterator[Sandbox]:
    """A fresh, hardened sandbox that is ready; it is gone afterwards, whatever happened."""
    name = f"ccx-test-{uuid.uuid4().hex}"
    limits = ("--memory", memory, "--memory-swap", memory, "--pids-limit", str(processes))
    command = [
        *("docker", "run", "--interactive", "--rm", "--name", name, *HARDENING, *limits),
        *("--tmpfs", f"/box:mode=1777,exec,nosuid,nodev,size={box},nr_inodes=20000"),
        *("--env", "ASAN_OPTIONS=detect_leaks=0", *more, runner_image(build), "/ccx/runner", str(UID)),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin
            assert process.stdout
            link = RunnerLink(process.stdin.fileno(), process.stdout.fileno())
            ready = link.receive()
            assert (ready.type, ready.payload[:2]) == ("r", b"\0\6")
            yield Sandbox(name, process, link, ready.payload[2])
        finally:
            subprocess.run(
                ["docker", "rm", "--force", name], check=False, capture_output=True, timeout=DEADLINE_SECONDS
            )
            process.kill()
