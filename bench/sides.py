"""Who is measured. A side runs one program at a time per client and fails where it does not print what it must."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol, Self

import httpx2

from bench.programs import Program

ROOT = Path(__file__).parents[1]
NODE_START_SECONDS = 60.0
RUN_SECONDS = 120.0
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


class CannotRun(Exception):
    """A side is not to be had here; the text says why."""


class Runs(Protocol):
    """Runs a program to its end and checks what it printed."""

    async def __call__(self, program: Program) -> None: ...


Open = Callable[[], AbstractAsyncContextManager[Runs]]


def check(program: Program, stdout: str, more: object = "") -> None:
    """Raise unless the program printed what it must (a program without a promise: anything)."""
    if stdout != program.stdout and (program.stdout or not stdout):
        raise RuntimeError(f"{program.language} {program.name} printed {stdout!r} {more}")


class Node:
    """`ccx serve` in a process of its own."""

    def __init__(self, name: str, slots: int, *, state: Path | None = None, **environment: str) -> None:
        """`state`: its state directory, where it is not to be an empty one."""
        self._given_state = state
        self._command = [sys.executable, "-m", "ccx.cli", "serve", str(slots), "--name", name]
        quiet = {"CCX_PORT": "0", "CCX_LOG_LEVEL": "error"}
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CCX_")}
        self._environment = clean | quiet | environment
        self.pid = 0
        self.url = ""
        self.state = ""

    async def __aenter__(self) -> Self:
        # A store of its own, empty, on a real disk: where files of the system's temporary folder are may be memory.
        self._state = tempfile.TemporaryDirectory(prefix=".bench-state-", dir=ROOT)
        self._environment["CCX_STATE_DIR"] = self.state = str(self._given_state or self._state.name)
        self._process = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, cwd=tempfile.gettempdir(), stderr=asyncio.subprocess.PIPE
        )
        assert self._process.stderr is not None
        self.pid = self._process.pid
        async with asyncio.timeout(NODE_START_SECONDS):
            async for line in self._process.stderr:
                if b" slots on http" in line:
                    self.url = line.decode().split(" on ", 1)[1].split()[0]
                    return self
        raise CannotRun("the node did not start")

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()
        self._state.cleanup()

    def cpu_seconds(self) -> float:
        """Processor time of the node so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Resident memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        """Open descriptors."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        """Threads."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


@asynccontextmanager
async def over_http(url: str) -> AsyncIterator[Runs]:
    """A client with one kept connection per request that is on its way."""
    async with httpx2.AsyncClient(base_url=url, timeout=RUN_SECONDS) as http:

        async def run(program: Program) -> None:
            body = {"language": program.language, "files": [{"name": program.file, "content": program.source}]}
            answer = (await http.post("/v1/submissions", json=body)).json()
            check(program, answer["cases"][0]["stdout"] if answer.get("cases") else "", answer)

        run.http = http  # type: ignore[attr-defined]
        yield run


async def pool_is_full(url: str, seconds: float = 30.0) -> None:
    """Wait for the shelves of a node to be at their targets."""
    async with httpx2.AsyncClient(base_url=url) as http, asyncio.timeout(seconds):
        while True:
            shelves = (await http.get("/healthz")).json()["pool"]
            if all(shelf["idle"] >= shelf["target"] and not shelf["starting"] for shelf in shelves):
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def docker_run() -> AsyncIterator[Runs]:
    """`docker run` by hand, with the same image and the same hardening."""

    async def run(program: Program) -> None:
        memory = 512 if program.language == "java" else 256
        script = f"cd /box && cat >{program.file} && {program.shell}"
        await shell(
            program,
            *("docker", "run", "--rm", "--interactive", "--network=none", "--read-only", "--cap-drop=ALL"),
            *("--security-opt=no-new-privileges", "--ipc=none", "--log-driver=none", f"--memory={memory}m"),
            *(f"--memory-swap={memory}m", "--pids-limit=257", "--user=20000:20000", "--oom-score-adj=500"),
            f"--tmpfs=/box:rw,exec,nosuid,nodev,mode=1777,size={memory // 2}m",
            f"--tmpfs=/dev/shm:rw,noexec,nosuid,nodev,size={memory // 4}m",
            *("--tmpfs=/tmp:rw,nosuid,nodev", "--entrypoint=sh", f"ccx-{program.language}", "-c", script),
            stdin=program.source.encode(),
        )

    yield run


@asynccontextmanager
async def bare_host() -> AsyncIterator[Runs]:
    """The tools of this host, in a fresh directory each time, without the start of a shell or a version manager in the
    way.
    """
    python = (await execute(["python3", "-c", "import sys; print(sys.executable)"], Path.cwd())).strip()

    async def run(program: Program) -> None:
        folder, stdout = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ccx-bench-")), ""
        try:
            (folder / program.file).write_text(program.source)
            for command in program.shell.replace("python3", python).split(" && "):
                stdout = await execute(command.split(), folder)
        finally:
            shutil.rmtree(folder)
        check(program, stdout)

    yield run


async def execute(command: list[str], folder: Path) -> str:
    """The output of one command."""
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE)
    stdout, _ = await process.communicate()
    return stdout.decode()


async def shell(program: Program, *command: str, stdin: bytes) -> None:
    """Run a command that reads the source and prints what the program prints."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await process.communicate(stdin)
    check(program, stdout.decode(), stderr)


def peer(name: str) -> Open:
    """A library from PyPI, in a virtual environment of its own, one worker process per client that is busy."""

    @asynccontextmanager
    async def open_peer() -> AsyncIterator[Runs]:
        if not PEERS_PYTHON.exists():
            raise CannotRun("its virtual environment is missing: scripts/setup-bench.sh makes it")
        idle: list[asyncio.subprocess.Process] = []
        every: list[asyncio.subprocess.Process] = []

        async def run(program: Program) -> None:
            if idle:
                worker = idle.pop()
            else:
                worker = await asyncio.create_subprocess_exec(
                    *(str(PEERS_PYTHON), str(ROOT / "bench" / "peers" / f"{name}_worker.py")),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                )
                every.append(worker)
            assert worker.stdin is not None
            assert worker.stdout is not None
            asked = {name: getattr(program, name) for name in ("language", "file", "source", "shell")}
            worker.stdin.write(json.dumps(asked).encode() + b"\n")
            line = await worker.stdout.readline()
            answer = json.loads(line) if line else {"error": "its worker ended"}
            if "error" in answer:
                raise CannotRun(answer["error"])
            idle.append(worker)
            try:
                check(program, answer["stdout"])
            except RuntimeError as error:
                raise CannotRun(str(error)) from error

        try:
            yield run
        finally:
            for worker in every:
                with suppress(ProcessLookupError):
                    worker.kill()
                await worker.wait()

    return open_peer
