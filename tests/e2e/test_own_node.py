"""A node in the background: what uses it, how it ends, and what is left of one that was killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import DEADLINE_SECONDS, ccx_command, ccx_environment, eventually, sandboxes_of

pytestmark = pytest.mark.docker

Ccx = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def ccx(images: None, folder: Path, tmp_path: Path) -> Iterator[Ccx]:
    """Runs `ccx` with a runtime folder of this test; what it has started is ended."""
    (tmp_path / "hello.py").write_text("print('hello')\n")

    def runs(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ccx_command(*arguments),
            env=ccx_environment(CCX_RUNTIME_DIR=str(folder), CCX_LANGUAGES="python"),
            cwd=tmp_path,
            text=True,
            capture_output=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    yield runs
    runs("stop")


def node_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["node"])


def described(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "node.json").read_text()))


def lives(pid: int) -> bool:
    """Whether that process is there and no zombie: nobody in this container may be waiting for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_commands_use_it_from_its_start_to_its_end(ccx: Ccx, folder: Path) -> None:
    assert "'ccx start'" in ccx("submit", "hello.py").stderr
    started = ccx("start", "1")
    assert (started.returncode, started.stderr) == (0, "")
    own = described(folder)
    assert f"process {own['pid']}, 1 slots; log {folder}/node.log" in started.stdout
    assert (folder.stat().st_mode & 0o777, (folder / "node.sock").stat().st_mode & 0o777) == (0o700, 0o600)
    assert "runs already" in ccx("start").stdout
    assert node_of(ccx("run", "--json", "hello.py")) == own["name"]
    assert node_of(ccx("run", "--json", "--embedded", "hello.py")) == "embedded"
    submitted = ccx("submit", "hello.py").stdout.strip()
    assert ccx("status", "-f", submitted).returncode == 0
    assert ccx("logs", submitted).stdout == "hello\n"
    assert ccx("stop").stdout == "ccx: the node has ended\n"
    until = time.monotonic() + DEADLINE_SECONDS
    while lives(own["pid"]):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert not (folder / "node.sock").exists()
    assert sandboxes_of(own["name"]) == []
    assert ccx("stop").stdout == "ccx: no node runs in the background\n"
    assert node_of(ccx("run", "--json", "hello.py")) == "embedded"


def test_one_that_was_killed_is_none_and_the_next_clears_up(ccx: Ccx, folder: Path) -> None:
    ccx("start", "1")
    killed = described(folder)
    os.kill(killed["pid"], signal.SIGKILL)
    while lives(killed["pid"]):
        time.sleep(0.02)
    assert node_of(ccx("run", "--json", "hello.py")) == "embedded"
    assert ccx("start", "1").returncode == 0
    again = described(folder)
    assert (again["name"], again["pid"] != killed["pid"]) == (killed["name"], True)
    assert node_of(ccx("run", "--json", "hello.py")) == again["name"]


async def test_it_ends_by_itself_when_it_is_idle_and_when_its_folder_is_gone(ccx: Ccx, folder: Path) -> None:
    for arguments in (("--idle", "2s"), ()):
        await asyncio.to_thread(ccx, "start", "1", *arguments)
        pid = described(folder)["pid"]
        if not arguments:
            shutil.rmtree(folder)

        async def has_ended(pid: int = pid) -> bool:
            return not lives(pid)

        await eventually(has_ended, "its end")
        assert not (folder / "node.sock").exists()


def test_another_version_is_not_used_unasked(ccx: Ccx, folder: Path) -> None:
    ccx("start", "1")
    other = described(folder) | {"version": "0.0.1"}
    (folder / "node.json").write_text(json.dumps(other))
    assert node_of(ccx("run", "--json", "hello.py")) == "embedded"
    assert "of version 0.0.1" in ccx("start").stdout


def test_what_cannot_be_is_said(ccx: Ccx, folder: Path) -> None:
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    assert "is not yours alone" in ccx("start").stderr
    folder.chmod(0o700)
    assert "--idle: 'long' is no time" in ccx("start", "--idle", "long").stderr
    assert "leave --server out" in ccx("run", "--embedded", "--server", "http://h1:8700", "hello.py").stderr
    broken = subprocess.run(
        ccx_command("start"),
        env=ccx_environment(CCX_RUNTIME_DIR=str(folder), CCX_LANGUAGES="cobol"),
        text=True,
        capture_output=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert broken.returncode != 0
    assert "The node did not start" in broken.stderr
    assert "cobol" in broken.stderr
