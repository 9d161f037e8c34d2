"""The manual page says what the help says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_command_and_its_options_are_in_it() -> None:
    page = subprocess.run(
        [sys.executable, ROOT / "scripts/man-page.py"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    for section in ("NAME", "SYNOPSIS", "COMMANDS", "FILES", "ENVIRONMENT"):
        assert f".SH {section}\n" in page
    for command in ("run FILE", "serve [MAX_TASKS]", "nodes drain NAME", "images build [LANG]..."):
        assert f'.SS "ccx {command}"' in page
    assert "\\fB\\-\\-artifacts\\-dir\\fR \\fIDIR\\fR\nWhere artifacts are written." in page
    assert "[bold]" not in page
