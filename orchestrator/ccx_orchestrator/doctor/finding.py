"""What a check came to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"  # works, but less well or less safely than it could
    FAILED = "failed"  # do not run strangers' programs like this


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its name, how it went, what was seen, and what to do about it (empty where it is ok)."""

    name: str
    status: Status
    detail: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        return asdict(self)


def ok(name: str, detail: str) -> Finding:
    """A check that went well."""
    return Finding(name, Status.OK, detail)


def warning(name: str, detail: str, remedy: str) -> Finding:
    """A check that went well enough."""
    return Finding(name, Status.WARNING, detail, remedy)


def failed(name: str, detail: str, remedy: str) -> Finding:
    """A check that did not go well."""
    return Finding(name, Status.FAILED, detail, remedy)
