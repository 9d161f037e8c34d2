"""A very small node on a real socket, and the real `ccx` command in a process of its own."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEADLINE_SECONDS = 30


@dataclass(frozen=True)
class Received:
    route: str
    query: str
    headers: dict[str, str]
    body: bytes

    def document(self) -> Any:
        return json.loads(self.body)


class TinyNode:
    """Says to a route, such as `GET /v1/languages`, what it was told to: in turn, and the last again and again."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.reached = threading.Event()
        self.released = threading.Event()
        self._replies: dict[str, list[bytes]] = defaultdict(list)
        self._held: set[str] = set()

    def says(self, route: str, document: Any, status: int = 200, content_type: str = "application/json") -> None:
        body = json.dumps(document).encode()
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close"
        )
        self.says_bytes(route, head.encode() + b"\r\n\r\n" + body)

    def refuses(self, route: str, slug: str, status: int, detail: str, **more: Any) -> None:
        document = {"type": f"urn:ccx:problem:{slug}", "title": slug, "status": status, "detail": detail} | more
        self.says(route, document, status, "application/problem+json")

    def says_bytes(self, route: str, reply: bytes) -> None:
        self._replies[route].append(reply)

    def holds(self, route: str) -> None:
        """Sets `reached` when that request came, and does not answer before `released` is set."""
        self._held.add(route)

    def sent_to(self, route: str) -> list[Received]:
        return [each for each in self.received if each.route == route]

    def reply_to(self, received: Received) -> bytes:
        self.received.append(received)
        if received.route in self._held:
            self.reached.set()
            self.released.wait(DEADLINE_SECONDS)
        replies = self._replies[received.route]
        if not replies:
            return b"HTTP/1.1 404 X\r\nContent-Length: 7\r\nConnection: close\r\n\r\nnothing"
        return replies.pop(0) if len(replies) > 1 else replies[0]


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        first, *lines = iter(lambda: self.rfile.readline().decode().strip(), "")
        method, target, _ = first.split()
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        path, _, query = target.partition("?")
        self.wfile.write(self.server.node.reply_to(Received(f"{method} {path}", query, headers, body)))  # type: ignore[attr-defined]


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def _served(node: TinyNode, server: socketserver.BaseServer) -> Iterator[TinyNode]:
    server.node = node  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def tiny_node() -> Iterator[TinyNode]:
    with _TcpServer(("127.0.0.1", 0), _Handler) as server:
        node = TinyNode()
        node.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield from _served(node, server)


@pytest.fixture
def tiny_node_on_a_unix_socket(tmp_path: Path) -> Iterator[TinyNode]:
    path = tmp_path / "node.sock"
    with _UnixServer(str(path), _Handler) as server:
        node = TinyNode()
        node.url = str(path)
        yield from _served(node, server)


class RunsCcx(Protocol):
    def __call__(
        self, *arguments: object, stdin: bytes = b"", server: str | None = None, preamble: str = "", **environment: str
    ) -> subprocess.CompletedProcess[bytes]: ...


def ccx_command(*arguments: object, preamble: str = "") -> list[str]:
    # A busy machine is slow now and then; the debug mode of the event loop would say so on standard error.
    quiet = "import logging\nlogging.getLogger('asyncio').setLevel(logging.ERROR)"
    code = f"import sys\n{quiet}\n{preamble}\nfrom ccx.cli.main import main\nmain()"
    return [sys.executable, "-X", "dev", "-W", "error", "-c", code, *map(str, arguments)]


def ccx_environment(server: str | None, **more: str) -> dict[str, str]:
    """This process's, without what would change what ccx prints or asks."""
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("CCX_")}
    for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS"):
        theirs.pop(name, None)
    return (
        theirs
        | {"COLUMNS": "160", "CCX_RUNTIME_DIR": "/nonexistent"}
        | ({} if server is None else {"CCX_SERVER": server})
        | more
    )


@pytest.fixture
def ccx(tmp_path: Path) -> RunsCcx:
    """Runs `ccx` in an empty directory and returns what came of it. `preamble` is Python to run before it starts."""

    def runs(
        *arguments: object, stdin: bytes = b"", server: str | None = None, preamble: str = "", **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ccx_command(*arguments, preamble=preamble),
            input=stdin,
            env=ccx_environment(server, **environment),
            cwd=tmp_path,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    return runs


@pytest.fixture
def starts_ccx(tmp_path: Path) -> Iterator[Any]:
    """Starts `ccx` and returns the process; it is killed at the end of the test if it is still there."""
    processes: list[subprocess.Popen[bytes]] = []

    def starts(
        *arguments: object, server: str | None = None, environment: dict[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            ccx_command(*arguments),
            env=ccx_environment(server, **environment or {}),
            cwd=tmp_path,
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )
        processes.append(process)
        return process

    yield starts
    for process in processes:
        with process:
            process.kill()
