"""A node in the background, for one user: `python -m ccx_orchestrator.own_node FOLDER MAX_TASKS IDLE_SECONDS`.

It ends by SIGTERM, when it has had nothing to do for that long, and when its socket is gone: that is how the system
tells that the user has logged out.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from ccx.errors import BadInput, CcxError
from ccx.own_node import OwnNode, description, locked, make_private, this_version
from ccx_orchestrator import logs
from ccx_orchestrator.bootstrap import RunningNode, open_node
from ccx_orchestrator.serving import BACKLOG, StopSignals, new_loop, serving
from ccx_orchestrator.settings import Settings, load_settings

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0


class Activity:
    """The application, and since when nobody has asked it anything."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = 0
        self._last_at = monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
            self._last_at = monotonic()

    def idle_seconds(self) -> float:
        """How long; 0 while somebody does."""
        return 0.0 if self._open else monotonic() - self._last_at


def main(arguments: list[str]) -> int:
    """Serve until there is a reason to end. The exit status; what went wrong is the last line of standard error."""
    folder, max_tasks, idle = Path(arguments[0]), arguments[1], arguments[2]
    try:
        make_private(folder)
        settings = load_settings(
            name=f"own-{os.getuid()}-{zlib.crc32(str(folder).encode()):08x}",
            max_tasks=int(max_tasks) if max_tasks else None,
            state_dir=folder,
            host="127.0.0.1",  # it listens nowhere, and nobody else can reach it
            access=False,
            log_level=os.environ.get("CCX_LOG_LEVEL", "warning"),  # a log that nobody rotates
        )
        logs.set_up(settings.log_level)
        with (
            locked(folder) as is_ours,
            asyncio.Runner(loop_factory=new_loop) as runner,
        ):
            if not is_ours:
                raise BadInput(f"a node runs in {folder} already")
            runner.run(_serve(settings, folder, float(idle) if idle else None))
    except CcxError as error:
        sys.stderr.write(f"ccx: {' '.join(str(error).split())}\n")
        return 1
    return 0


async def _serve(settings: Settings, folder: Path, idle_seconds: float | None) -> None:
    path = folder / "node.sock"
    description(folder).unlink(missing_ok=True)  # of one that was killed: it would be taken for this one's
    with _listening(path) as listening:
        async with open_node(settings) as node:
            activity = Activity(node.app)
            async with serving(activity, listening, read_seconds=settings.read_seconds):
                signals = StopSignals()
                of_itself = OwnNode(
                    pid=os.getpid(),
                    version=this_version(),
                    name=settings.name,
                    slots=settings.max_tasks,
                    socket=path,
                    log=folder / "node.log",
                )
                with _told(description(folder), of_itself):
                    reason = await _reason_to_end(node, activity, signals, path, idle_seconds)
                log.info("stopping", reason=reason)
                await node.drain()


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket of that name, where there may be what a node that was killed has left."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(BACKLOG)
        try:
            yield listening
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _told(file: Path, of_itself: OwnNode) -> Iterator[None]:
    """The file stands there whole or not at all."""
    new = file.with_suffix(".new")
    new.write_text(of_itself.model_dump_json())
    new.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


async def _reason_to_end(
    node: RunningNode, activity: Activity, signals: StopSignals, path: Path, idle_seconds: float | None
) -> str:
    """Wait for one."""
    while True:
        done, _ = await asyncio.wait({signals.first}, timeout=LOOK_SECONDS)
        if done:
            return signals.first.result().name
        if not path.exists():  # noqa: ASYNC240  (in memory)
            return "its socket is gone"
        has_work = node.submissions.running or node.submissions.backlog.waiting
        if idle_seconds is not None and not has_work and activity.idle_seconds() >= idle_seconds:
            return f"nothing to do for {idle_seconds:g} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
