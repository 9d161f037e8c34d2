"""A node inside of the command line: `ccx run` without a server."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from ccx_orchestrator import logs
from ccx_orchestrator.bootstrap import open_node
from ccx_orchestrator.serving import BACKLOG, serving
from ccx_orchestrator.settings import load_settings

NAME = "embedded"


@asynccontextmanager
async def embedded_node() -> AsyncIterator[Path]:
    """A node behind a Unix socket that only this user can reach; the socket's path.

    Raises a CcxError where the node cannot start.
    """
    settings = load_settings(
        name=NAME,
        log_level=os.environ.get("CCX_LOG_LEVEL", "error"),
        shutdown_seconds=0,
        database_url="memory:",  # nobody can ask it anything afterwards
        pool=False,  # it serves one submission
        host="127.0.0.1",  # it listens nowhere, and nobody else can reach it
        access=False,
        doors=(),  # one client comes, and it is ours
    )
    logs.set_up(settings.log_level)
    with tempfile.TemporaryDirectory(prefix="ccx-") as folder, socket.socket(socket.AF_UNIX) as listening:
        path = Path(folder) / "node.sock"
        listening.bind(str(path))
        listening.listen(BACKLOG)
        with _termination_as_interrupt():
            async with open_node(settings) as node, serving(node.app, listening):
                try:
                    yield path
                finally:
                    await node.drain()


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does: by way of the context managers that clear its sandboxes away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
