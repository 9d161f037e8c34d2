"""Results that are told to addresses that users name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from ccx.wire import Submission

LONGEST_PAUSE = timedelta(hours=1)
# When a first try is due: it waits for no clock, which might be set back meanwhile.
AT_ONCE = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Callback:
    """A result to be told to someone: the `tries` before this one failed."""

    submission: str
    url: str
    tries: int


class Outbox(Protocol):
    """Callbacks that are still to be made; each stands here from the moment its submission ends."""

    async def due(self, now: datetime, lease_seconds: float, limit: int) -> tuple[Callback, ...]:
        """Some whose time has come, those of the oldest submissions. They are nobody else's, and not due again, for
        that long. A time that lies further ahead than LONGEST_PAUSE is of a clock that was wrong, and has come as well.
        """

    async def settle(self, submission_id: str, again_at: datetime | None) -> None:
        """It was made, or given up (None); or it is to be tried again then."""


class CallFailed(Exception):
    """A callback did not reach its address, or was not taken. The text is for the log."""


class Caller(Protocol):
    """Calls addresses that users name. Reaches nothing that the node's operator would not want to be reached."""

    async def call(self, method: str, url: str, body: bytes, submission_id: str, at: datetime) -> None:
        """Send a signed body there. Raises CallFailed."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a result is told: by which method of HTTP, and as what."""

    method: str
    body: Callable[[Submission], Awaitable[bytes]]


async def _whole(result: Submission) -> bytes:
    return result.model_dump_json().encode()


NATIVE = Form("POST", _whole)
