"""Tokens lie in the keyring of the user's desktop where there is one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keyring import with_keyring
from tests.support.node import NodeProcess, ccx_command, ccx_environment
from tests.support.tokens import token_of

pytestmark = [pytest.mark.docker, pytest.mark.timeout(120)]


@pytest.fixture
def node(suite: str, tmp_path: Path) -> Iterator[NodeProcess]:
    settings = {"CCX_POOL": "false", "CCX_LANGUAGES": "python", "CCX_ACCESS": "true"}
    with NodeProcess(f"{suite}-keyring", tmp_path, "2", **settings) as node:
        yield node


def test_what_login_keeps_lies_in_the_keyring(node: NodeProcess, tmp_path: Path) -> None:
    token = token_of(node, tmp_path, "ada")
    environment = ccx_environment(XDG_CONFIG_HOME=str(tmp_path / "config"))
    kept = tmp_path / "config/ccx/credentials.json"

    def ccx(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = f"printf {token} | {' '.join(ccx_command(*arguments))}"
        return with_keyring(["sh", "-c", command], tmp_path / "desktop", **environment)

    login = ccx("login", node.url)
    assert (login.stdout, login.returncode) == ("ada (user); kept in your keyring\n", 0), login.stderr
    assert json.loads(kept.read_text()) == {"servers": {node.url: {"is_in_keyring": True}}}
    assert ccx("whoami", "--server", node.url).stdout == "ada (user)\n"
    without = subprocess.run(
        ccx_command("whoami", "--server", node.url), env=environment, capture_output=True, text=True, check=False
    )
    assert (without.returncode, "no longer in your keyring" in without.stderr) == (212, True)
    assert ccx("logout", node.url).returncode == 0
    look = "import keyring, sys; sys.exit(keyring.get_password('ccx', sys.argv[1]) is not None)"
    assert with_keyring([sys.executable, "-c", look, node.url], tmp_path / "desktop").returncode == 0
    assert not any(
        token.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != kept
    )


def test_a_keyring_that_is_not_wanted_is_left_alone(node: NodeProcess, tmp_path: Path) -> None:
    token = token_of(node, tmp_path, "ada")
    environment = ccx_environment(
        XDG_CONFIG_HOME=str(tmp_path / "config"), PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring"
    )
    command = f"printf {token} | {' '.join(ccx_command('login', node.url))}"
    done = with_keyring(["sh", "-c", command], tmp_path / "desktop", **environment)
    assert (done.stdout, done.returncode) == (f"ada (user); kept in {tmp_path}/config/ccx/credentials.json\n", 0)
    assert token in (tmp_path / "config/ccx/credentials.json").read_text()
