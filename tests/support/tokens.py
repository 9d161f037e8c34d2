"""Tokens of a node on this machine, made by the command that makes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ccx.wire import Role
from tests.support.node import NodeProcess, ccx_command, ccx_environment


def token_of(node: NodeProcess, tmp_path: Path, name: str, role: Role = Role.USER) -> str:
    command = ccx_command("token", "create", name, "--role", role, "--node", node.name)
    state = ccx_environment(CCX_STATE_DIR=str(tmp_path / "state"))
    return subprocess.run(command, env=state, check=True, capture_output=True, text=True).stdout.strip()
