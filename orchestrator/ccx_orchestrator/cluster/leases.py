"""Which masters live. Work of a master that is gone is ended: nobody waits for it, and it may run elsewhere by now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

log = structlog.get_logger(__name__)

FIRST_SECONDS = 10.0  # for a master whose work comes before its first call
LOOK_SECONDS = 0.5


class Leases:
    """For each master, until when it is believed to live. `end` is given those that are not any more."""

    def __init__(self, end: Callable[[str], Awaitable[None]], clock: Callable[[], float] = monotonic) -> None:
        self._end = end
        self._clock = clock
        self._until: dict[str, float] = {}

    def renew(self, master: str, seconds: float) -> None:
        """It lives, and may be believed to for so long."""
        self._until[master] = self._clock() + seconds

    def note_work(self, master: str) -> None:
        """Work of it has come, so it lives."""
        self._until[master] = max(self._until.get(master, 0.0), self._clock() + FIRST_SECONDS)

    async def look(self) -> None:
        """End the work of those whose time is over."""
        now = self._clock()
        for master in [master for master, until in self._until.items() if until < now]:
            del self._until[master]
            log.info("a master is gone", master=master)
            await self._end(master)

    async def look_for_ever(self) -> None:
        """The same, twice a second."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()
