"""The computer this node runs on, as psutil sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic

import psutil

from ccx.wire import Usage

SHORTEST_SECONDS = 0.5  # between two readings: over less, a percentage says nothing


class LocalMachine:
    """See `ports.Machine`."""

    def __init__(self) -> None:
        psutil.cpu_percent()  # the first reading has nothing to compare with
        self._last: tuple[float, Usage] | None = None

    def read(self) -> Usage:
        """See `ports.Machine`."""
        now = monotonic()
        if self._last is None or now - self._last[0] >= SHORTEST_SECONDS:
            self._last = now, _reading()
        return self._last[1]


def _reading() -> Usage:
    memory = psutil.virtual_memory()
    return Usage(
        at=datetime.now(UTC),
        cpu_percent=psutil.cpu_percent(),
        memory_bytes=memory.total - memory.available,
        memory_total_bytes=memory.total,
        load=psutil.getloadavg()[0],
    )
