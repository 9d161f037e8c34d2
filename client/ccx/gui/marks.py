"""Where compilers and tracebacks say that something is wrong. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GCC = re.compile(r"^(.+?):(\d+):(\d+): (?:fatal )?(error|warning): (.+)$")
_JAVAC = re.compile(r"^(.+?\.java):(\d+): (error|warning): (.+)$")
_FRAME = re.compile(r'^ {2}File "(.+?)", line (\d+)')
_RAISED = re.compile(r"^[\w.]+(Error|Exception|Interrupt|Exit|Warning)\b")


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of a file, counted from 1, and what is wrong there."""

    file: str
    line: int
    message: str
    is_error: bool = True


def marks_in(text: str) -> tuple[Mark, ...]:
    """What gcc and javac complain of; otherwise the innermost frame of the last traceback that is of the program."""
    lines = text.splitlines()
    found = []
    for line in lines:
        if gcc := _GCC.match(line):
            found.append(Mark(_base(gcc[1]), int(gcc[2]), gcc[5], gcc[4] == "error"))
        elif javac := _JAVAC.match(line):
            found.append(Mark(_base(javac[1]), int(javac[2]), javac[4], javac[3] == "error"))
    return tuple(found) or _of_traceback(lines)


def _of_traceback(lines: list[str]) -> tuple[Mark, ...]:
    frames = [frame for line in lines if (frame := _FRAME.match(line)) and not frame[1].startswith(("/usr/", "<"))]
    raised = [line for line in lines if _RAISED.match(line)]
    return (Mark(_base(frames[-1][1]), int(frames[-1][2]), raised[-1] if raised else ""),) if frames else ()


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]
