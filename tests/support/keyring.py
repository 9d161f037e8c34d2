"""A desktop's keyring: the real one of GNOME, on a message bus of its own, unlocked."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_UNLOCKED = 'printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec "$@"'


def with_keyring(command: Sequence[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it where a keyring is, whose files lie in that folder. The keyring ends with it."""
    missing = [tool for tool in ("dbus-run-session", "gnome-keyring-daemon") if not shutil.which(tool)]
    assert not missing, f"missing: {missing}; scripts/setup-tests.sh installs them"
    folder.mkdir(exist_ok=True, mode=0o700)
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    return subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", _UNLOCKED, "sh", *command],
        env=os.environ | home | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
