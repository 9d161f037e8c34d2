"""`ccx start` and `ccx stop`: a node in the background, which later commands use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Annotated

import typer

from ccx import own_node
from ccx.cli.embedded import command_of_own_node
from ccx.cli.options.durations import parse_duration
from ccx.cli.standard_streams import write
from ccx.errors import CcxError

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


class NotStarted(CcxError):
    """The node ended before it served anything."""


def start(
    max_tasks: Annotated[
        int | None,
        typer.Argument(metavar="[MAX_TASKS]", min=1, help="Submissions that run at once. Left out: one a processor."),
    ] = None,
    idle: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End by itself after so long without work, such as 90s or 15m."),
    ] = None,
) -> None:
    """Start a node in the background, for this user alone; ccx run and others use it from then on.

    It ends with [bold]ccx stop[/], or when you log out.
    """
    if (found := own_node.find()) is not None:
        _say(f"a node runs already ({_told(found)})")
        return
    place = own_node.folder()
    own_node.make_private(place)
    command = command_of_own_node(place, max_tasks, None if idle is None else parse_duration(idle, "--idle"))
    log = place / "node.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=place
        )
    until = time.monotonic() + START_SECONDS
    while (found := own_node.find()) is None:
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            lines = log.read_text(errors="replace").split("\n")
            why = next((line for line in reversed(lines) if line), "it said nothing")
            raise NotStarted(f"The node did not start: {why.removeprefix('ccx: ')} ({log})")
        time.sleep(_PAUSE_SECONDS)
    _say(f"a node runs in the background ({_told(found)}); ccx stop ends it")


def stop() -> None:
    """End the node in the background. What runs on it may take some seconds more."""
    if (found := own_node.find()) is None:
        _say("no node runs in the background")
        return
    os.kill(found.pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while not own_node.has_ended(own_node.folder()):
        if time.monotonic() > until:
            raise CcxError(f"The node is still there ({_told(found)}).")
        time.sleep(_PAUSE_SECONDS)
    _say("the node has ended")


def _told(found: own_node.OwnNode) -> str:
    of = "" if found.version == own_node.this_version() else f", of version {found.version}"
    return f"process {found.pid}, {found.slots} slots{of}; log {found.log}"


def _say(text: str) -> None:
    write(sys.stdout, f"ccx: {text}\n".encode())
