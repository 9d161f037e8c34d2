"""An engine that cannot be reached: which of three causes it is, each with its remedy."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ccx.errors import EngineUnavailable
from ccx_orchestrator.docker_host.engine.address import Place, engine_place

NOBODY = 65_534
CONNECT = """
import os
from ccx.errors import EngineUnavailable
from ccx_orchestrator.docker_host.engine.client import connect
os.seteuid({user})
try:
    connect()
except EngineUnavailable as error:
    print(error)
"""


@contextmanager
def socket_at(path: Path) -> Iterator[None]:
    """A socket that nobody but root may open."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen()
        yield


@pytest.fixture
def address() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ccx-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "docker.sock"


def told(address: Path, user: int = 0) -> str:
    """What a process of that user is told. Apart, for the SDK leaves a socket behind where it cannot connect."""
    ended = subprocess.run(
        [sys.executable, "-c", CONNECT.format(user=user)],
        env=os.environ | {"DOCKER_HOST": f"unix://{address}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stdout


def test_where_there_is_no_socket_the_remedy_is_an_engine(address: Path) -> None:
    beginning = f"No Docker engine answers at unix://{address}. There is no such socket: install an engine"
    assert told(address).startswith(beginning)


def test_where_nobody_listens_the_remedy_is_to_start_it(address: Path) -> None:
    with socket_at(address):
        pass
    beginning = f"No Docker engine answers at unix://{address}. The connection is refused: the engine was stopped."
    assert told(address).startswith(beginning)


def test_where_the_user_may_not_open_it_the_remedy_is_the_group(address: Path) -> None:
    with socket_at(address):
        answer = told(address, NOBODY)
    assert answer.startswith(f"No permission to use the Docker engine at unix://{address}. Run as root, or as a member")


# Where it is looked for


def test_what_the_user_names_goes_first(tmp_path: Path) -> None:
    environment = {"DOCKER_HOST": "tcp://10.0.0.1:2375", "DOCKER_CONTEXT": "any"}
    assert engine_place(environment) == Place("tcp://10.0.0.1:2375")


def test_a_context_of_the_docker_command_line_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    create = ["docker", "context", "create", "desktop", "--docker", "host=unix:///run/desktop.sock"]
    subprocess.run(create, check=True, capture_output=True)
    with socket_at(address):
        assert engine_place({}, address) == Place(f"unix://{address}")
        assert engine_place({"DOCKER_CONTEXT": "desktop"}, address) == Place("unix:///run/desktop.sock")
        subprocess.run(["docker", "context", "use", "desktop"], check=True, capture_output=True)
        assert engine_place({}, address) == Place("unix:///run/desktop.sock")
        assert engine_place({"DOCKER_CONTEXT": "default"}, address) == Place(f"unix://{address}")
    with pytest.raises(EngineUnavailable, match="no Docker context 'nothing'"):
        engine_place({"DOCKER_CONTEXT": "nothing"})


@pytest.mark.parametrize("where", ["run/docker.sock", ".docker/run/docker.sock", ".colima/default/docker.sock"])
def test_an_engine_of_the_user_alone_is_found_where_there_is_no_other(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    environment = {"HOME": str(address.parent), "XDG_RUNTIME_DIR": str(address.parent / "run")}
    assert engine_place(environment, address) == Place(f"unix://{address}")
    own = address.parent / where
    own.parent.mkdir(parents=True)
    with socket_at(own):
        assert engine_place(environment, address) == Place(f"unix://{own}")
        with socket_at(address):
            assert engine_place(environment, address) == Place(f"unix://{address}")
