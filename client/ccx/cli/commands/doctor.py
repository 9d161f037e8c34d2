"""`ccx doctor`: whether this machine can run strangers' programs, and what to do where it cannot."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Literal

import typer

from ccx.cli import embedded
from ccx.cli.output.color import painted
from ccx.cli.standard_streams import write

_SIGNS: dict[str, tuple[str, Literal["green", "yellow", "red"]]] = {
    "ok": ("ok     ", "green"),
    "warning": ("WARNING", "yellow"),
    "failed": ("FAILED ", "red"),
}
_EXIT_FAILED = 1


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Check this machine by doing: reach the engine, run programs that try to pass each limit, look for a network."""
    findings: list[dict[str, str]] = []

    def report(finding: dict[str, str]) -> None:
        findings.append(finding)
        if not as_json:
            write(sys.stdout, _line(finding).encode())

    embedded.examine(report)
    is_well = all(finding["status"] != "failed" for finding in findings)
    if as_json:
        write(sys.stdout, (json.dumps({"ok": is_well, "findings": findings}, indent=2) + "\n").encode())
    return 0 if is_well else _EXIT_FAILED


def _line(finding: dict[str, str]) -> str:
    sign = painted(*_SIGNS[finding["status"]], sys.stdout)
    line = f"{sign}  {finding['name']}: {finding['detail']}\n"
    return f"{line}         {finding['remedy']}\n" if finding["remedy"] else line
