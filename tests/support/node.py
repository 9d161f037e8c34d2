"""Real nodes for tests, and a watch on their sandboxes through the engine's own events.

Nothing here is faked. A node in a process of its own is `NodeProcess`; one on the test's own event loop is
`local_node`. Every wait has a deadline and raises `TimeoutError`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import IO, Any, Generic, Protocol, Self, TypeVar

import docker

from ccx.client import Client
from ccx.wire import Submission, SubmissionRequest, Verdict, encode
from ccx_orchestrator.bootstrap import RunningNode, open_node
from ccx_orchestrator.serving import listen, serving
from ccx_orchestrator.settings import load_settings

START_SECONDS = 120.0
STOP_SECONDS = 40.0
DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 0.02

T = TypeVar("T")

Files = str | bytes | dict[str, str | bytes]


class Runs(Protocol):
    """Submits a program and waits for its result."""

    async def __call__(self, language: str, files: Files, **fields: Any) -> Submission: ...


def runs_on(client: Client) -> Runs:
    """By that client. What is not the program's fault fails the test."""

    async def run(language: str, files: Files, **fields: Any) -> Submission:
        async with asyncio.timeout(DEADLINE_SECONDS):
            result = await client.submit(submission(language, files, **fields))
        assert result.verdict is not Verdict.INTERNAL_ERROR, result.message
        return result

    return run


def told(result: Submission) -> tuple[Verdict | None, str]:
    """The verdict, and what the first case wrote."""
    return result.verdict, result.cases[0].stdout if result.cases else ""


class StartsNodes(Protocol):
    """Starts a node that is stopped at the end of the test. `environment` is its `CCX_…` and the like."""

    def __call__(
        self,
        name: str | None = None,
        *,
        max_tasks: int = 2,
        languages: str | None = None,
        pool: bool = False,
        **environment: str,
    ) -> NodeProcess: ...


def free_port() -> int:
    """One of this machine's that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def submission(language: str, files: Files, **fields: Any) -> SubmissionRequest:
    """A request as it crosses the wire. A lone text is a file without a name."""
    named: list[tuple[str | None, str | bytes]] = [*files.items()] if isinstance(files, dict) else [(None, files)]
    sources: list[dict[str, str | None]] = [{"name": name, **_encoded(content)} for name, content in named]
    return SubmissionRequest.model_validate_json(json.dumps({"language": language, "files": sources} | fields))


def _encoded(content: str | bytes) -> dict[str, str]:
    text, encoding = (content, "utf-8") if isinstance(content, str) else encode(content)
    return {"content": text, "encoding": encoding}


def ccx_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would configure a ccx."""
    return (
        {name: value for name, value in os.environ.items() if not name.startswith("CCX_")}
        | {
            "CCX_RUNTIME_DIR": "/nonexistent",  # a developer's own node is none of theirs
        }
        | more
    )


def ccx_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "ccx.cli", *map(str, arguments)]


async def eventually(look: Callable[[], Awaitable[bool]], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Look again and again until it is so. For what nothing announces; where there is an event, wait for that."""
    try:
        async with asyncio.timeout(seconds):
            while not await look():  # noqa: ASYNC110  (it happens in another process)
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"not within {seconds:g} s: {what}") from error


class Told(Generic[T]):
    """Things that arrive from a thread, and waiting for one of them."""

    def __init__(self) -> None:
        self._news = Condition()
        self._things: list[T] = []
        self._ended = False

    def tell(self, thing: T) -> None:
        with self._news:
            self._things.append(thing)
            self._news.notify_all()

    def end(self) -> None:
        with self._news:
            self._ended = True
            self._news.notify_all()

    def all(self) -> list[T]:
        with self._news:
            return list(self._things)

    def wait_until(self, met: Callable[[list[T]], bool], seconds: float) -> list[T]:
        """All that has arrived, once it is as wished."""
        with self._news:
            self._news.wait_for(lambda: met(self._things) or self._ended, seconds)
            if not met(self._things):
                raise TimeoutError(f"{'ended' if self._ended else 'waited for'} in vain, having seen: {self._things}")
            return list(self._things)


class NodeProcess:
    """`ccx serve` on a free port. At the end of the context it is stopped and must have left no sandbox."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *arguments: str,
        prefix: Sequence[str] = (),
        quiet: str = "",
        **environment: str,
    ) -> None:
        self.name = name
        self.url = ""
        self._is_quiet = bool(quiet)
        self.engine = environment.get("DOCKER_HOST")
        self.log: Told[str] = Told()
        self.process = subprocess.Popen(
            [*prefix, *ccx_command("serve", "--name", name, *arguments)],
            env=ccx_environment(
                CCX_PORT="0", CCX_LOG_LEVEL="debug", CCX_SHUTDOWN_SECONDS="4", CCX_STATE_DIR=str(folder / "state")
            )
            | environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self._reader = Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def _read(self, stderr: IO[str]) -> None:
        for line in stderr:
            if not self._is_quiet:
                sys.stderr.write(f"{self.name}: {line}")  # pytest shows it with the test that fails
            self.log.tell(line.rstrip("\n"))
        self.log.end()

    def __enter__(self) -> Self:
        try:
            self.url = self.line_with(" (Ctrl-C stops it)").split(" slots on ", 1)[1].split()[0]
        except TimeoutError:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        if kind is None:
            assert sandboxes_of(self.name, self.engine) == [], f"left behind by node {self.name}"

    def _end(self) -> None:
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            assert self.process.stderr is not None
            self.process.stderr.close()

    def line_with(self, text: str, seconds: float = START_SECONDS) -> str:
        """The first line of the log with that text in it."""
        lines = self.log.wait_until(lambda lines: any(text in line for line in lines), seconds)
        return next(line for line in lines if text in line)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def client(self, **credentials: Any) -> Client:
        return Client(self.url, **credentials)


@contextmanager
def engine_client(address: str | None = None) -> Iterator[docker.DockerClient]:
    client = docker.from_env() if address is None else docker.DockerClient(address)
    try:
        yield client
    finally:
        client.close()


def containers_with(label: str, address: str | None = None) -> list[dict[str, Any]]:
    """All containers with that label, running or not, as the engine lists them."""
    with engine_client(address) as client:
        return list(client.api.containers(all=True, filters={"label": label}))


def sandboxes_of(node: str, address: str | None = None) -> list[str]:
    """The names of all containers of a node."""
    return [container["Names"][0].lstrip("/") for container in containers_with(f"ccx.owner={node}", address)]


@dataclass(frozen=True)
class Happening:
    """One event of one sandbox: `create`, `start`, `update`, `kill`, `die`, `destroy` …"""

    action: str
    container: str
    labels: dict[str, str]


@dataclass
class SandboxWatch:
    """What the engine tells of the sandboxes of one node, from the start of the context."""

    node: str
    _told: Told[Happening] = field(default_factory=Told)

    def __enter__(self) -> Self:
        self._client = docker.from_env(timeout=int(DEADLINE_SECONDS) * 10)
        began = time.time_ns()
        filters = {"type": "container", "label": f"ccx.owner={self.node}"}
        # The past second comes along, so that nothing between here and the subscription is missed; older is dropped.
        self._stream = self._client.events(since=began // 10**9, decode=True, filters=filters)
        self._reader = Thread(target=self._read, args=(began,), daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._reader.join()
        self._client.close()

    def _read(self, began: int) -> None:
        for event in self._stream:
            if event["timeNano"] >= began:
                actor = event["Actor"]
                self._told.tell(Happening(event["Action"].split(":")[0], actor["ID"], actor["Attributes"]))

    def count(self, action: str) -> int:
        return sum(happening.action == action for happening in self._told.all())

    def all(self) -> list[Happening]:
        return self._told.all()

    def most_at_once(self) -> int:
        """How many sandboxes there were at most at any one time, from creation to destruction."""
        there: set[str] = set()
        most = 0
        for happening in self.all():
            if happening.action == "create":
                there.add(happening.container)
            elif happening.action == "destroy":
                there.discard(happening.container)
            most = max(most, len(there))
        return most

    def wait_for_ours(self, pid: int, action: str = "start", seconds: float = DEADLINE_SECONDS) -> Happening:
        """Wait until it has happened to a sandbox of the node in that process."""

        def is_of_that_process(happening: Happening) -> bool:
            return happening.action == action and happening.labels["ccx.process"].split(":")[1] == str(pid)

        seen = self._told.wait_until(lambda seen: any(map(is_of_that_process, seen)), seconds)
        return next(filter(is_of_that_process, seen))

    async def wait_for(self, action: str, times: int = 1, seconds: float = DEADLINE_SECONDS) -> Happening:
        """Wait until it has happened so many times; the last of these."""

        def is_met(seen: list[Happening]) -> bool:
            return sum(happening.action == action for happening in seen) >= times

        seen: list[Happening] = await asyncio.to_thread(self._told.wait_until, is_met, seconds)
        return next(happening for happening in reversed(seen) if happening.action == action)


@dataclass(frozen=True)
class LocalNode:
    """A node on the test's own event loop, behind a real socket."""

    name: str
    url: str
    node: RunningNode
    client: Client


@asynccontextmanager
async def local_node(name: str, **settings: object) -> AsyncIterator[LocalNode]:
    """A node in this process, without a pool unless asked. It takes the environment as the test has set it."""
    # As in real life, what is read and bound before there is an event loop may block.
    listening = await asyncio.to_thread(listen, "127.0.0.1", 0)
    port = listening.getsockname()[1]
    given = {"name": name, "port": port, "pool": False, "database_url": "memory:"} | settings
    url = f"http://127.0.0.1:{port}"
    with listening:
        chosen = await asyncio.to_thread(lambda: load_settings(**given))
        async with open_node(chosen) as node, serving(node.app, listening), Client(url) as client:
            yield LocalNode(name, url, node, client)
            await node.drain()


async def all_of(waiting: list[Awaitable[Submission]], at_once: int) -> list[Submission]:
    """The results in order, with no more than so many requests on their way at any time."""
    todo = deque(enumerate(waiting))
    results: dict[int, Submission] = {}

    async def work() -> None:
        while todo:
            index, one = todo.popleft()
            results[index] = await one

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return [results[index] for index in sorted(results)]
