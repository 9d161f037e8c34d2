"""Results that are told to addresses that users name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Callback:
    """A result to be told to someone: the `tries` before this one failed."""

    submission: str
    url: str
    tries: int


class Outbox(Protocol):
    """Callbacks that are still to be made; each stands here from the moment its submission ends."""

    async def due(self, now: datetime, lease_seconds: float, limit: int) -> tuple[Callback, ...]:
        """Some whose time has come. They are nobody else's, and not due again, for that long."""

    async def settle(self, submission_id: str, again_at: datetime | None) -> None:
        """It was made, or given up (None); or it is to be tried again then."""


class CallFailed(Exception):
    """A callback did not reach its address, or was not taken. The text is for the log."""


class Caller(Protocol):
    """Calls addresses that users name. Reaches nothing that the node's operator would not want to be reached."""

    async def call(self, url: str, body: bytes, submission_id: str, at: datetime) -> None:
        """POST a signed body. Raises CallFailed."""
