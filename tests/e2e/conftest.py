"""Commands and nodes with a configuration folder and a state directory of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.node import DEADLINE_SECONDS, NodeProcess, ccx_command, ccx_environment


class RunsCommands(Protocol):
    """Runs `ccx` with a configuration folder and a state directory of this test's own."""

    def __call__(self, *arguments: object, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def ccx(tmp_path: Path) -> RunsCommands:
    def runs(*arguments: object, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        folders = {"CCX_STATE_DIR": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        return subprocess.run(
            ccx_command(*arguments),
            env=ccx_environment(**folders | environment),
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    return runs


@pytest.fixture
def serves(suite: str, tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Starts nodes by what stands after `ccx serve`."""
    with ExitStack() as nodes:

        def start(name: str, *arguments: str, **environment: str) -> NodeProcess:
            settings = {"CCX_POOL": "false"} | environment
            return nodes.enter_context(NodeProcess(f"{suite}-{name}", tmp_path, "2", *arguments, **settings))

        yield start
