"""A node behind a socket: uvicorn, signals, and the order of a shutdown."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
import uvloop
from starlette.types import ASGIApp

from ccx.errors import BadInput
from ccx_orchestrator.access.connections import READ_SECONDS, SHARE_OF_DESCRIPTORS, ConnectionBounds
from ccx_orchestrator.strict_protocol import strict_protocols
from ccx_orchestrator.threads import Threads

BACKLOG = 1024
MOST_CONNECTIONS = 20_000
# When the server is told to stop, every submission has ended already; what is left is to hand over the last answers.
LAST_ANSWERS_SECONDS = 5
THREADS = 8  # for what would hold up the loop; as many as Python gives a machine with four processors
LARGEST_MESSAGE_BYTES = 32 * 1024 * 1024  # of a WebSocket: the first one brings all files

# Longer than clients keep a connection they do not use, so that it is never closed while a request is on its way.
KEEP_ALIVE_SECONDS = 30


class CannotListen(BadInput):
    """The address is taken, or not ours."""


def new_loop() -> asyncio.AbstractEventLoop:
    """An event loop for a node, with its threads."""
    loop = uvloop.new_event_loop()
    loop.set_default_executor(Threads(THREADS, "node"))
    return loop


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: `StopSignals` waits for them, and the node stops before its server does."""
        yield


def listen(host: str, port: int, setting: str = "port") -> socket.socket:
    """A listening socket; port 0 is any free one. `setting` is where the port is from. Raises CannotListen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        reason, option = error.strerror or str(error), setting.replace("_", "-")
        raise CannotListen(
            f"Cannot listen on {host} port {port}: {reason}. Choose another with --host and --{option}."
        ) from error
    listening.listen(BACKLOG)
    return listening


@asynccontextmanager
async def serving(
    app: ASGIApp,
    listening: socket.socket,
    *,
    read_seconds: float = READ_SECONDS,
    max_connections: int | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """The application behind a socket that listens already, which is closed at the end. A head must be there within
    `read_seconds`; None: as many connections as descriptors allow. With `tls` nothing
    is said in plain text.
    """
    bounds = ConnectionBounds(max_connections or _affordable_connections())
    http, web_socket = strict_protocols(bounds, read_seconds)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        http=http,
        ws=web_socket,
        ws_max_size=LARGEST_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # a byte typed, a byte shown: there is nothing to compress
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listening]), name="uvicorn")
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listening.close()


def _affordable_connections() -> int:
    """What the process's limit on descriptors leaves for connections."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, int(soft * SHARE_OF_DESCRIPTORS))
    )


class StopSignals:
    """From now on Ctrl-C and SIGTERM end nothing by themselves. The first is what `first` comes to, then `second`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.first: asyncio.Future[signal.Signals] = loop.create_future()
        self.second: asyncio.Future[signal.Signals] = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._arrive, number)

    def _arrive(self, number: signal.Signals) -> None:
        for one in (self.first, self.second):
            if not one.done():
                one.set_result(number)
                return
