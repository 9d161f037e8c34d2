"""Names for submissions that sort by the time they were given."""

from __future__ import annotations

import secrets

_TIME_BITS = 48
_TAIL_BITS = 74
_VERSION = 7 << 76
_VARIANT = 0b10 << 62
_STEP_BITS = 32


class SubmissionIds:
    """UUIDs of version 7 (RFC 9562), each greater than the one before, also within a millisecond and when the clock
    goes back. The tail cannot be guessed: 74 random bits, then random steps.
    """

    def __init__(self) -> None:
        self._milliseconds = 0
        self._tail = 0

    def next(self, seconds: float) -> str:
        """The next, at that time since the epoch: 32 hexadecimal digits."""
        now = int(seconds * 1000)
        if now > self._milliseconds:
            # The top bit stays clear, so that the steps of one millisecond have room.
            self._milliseconds, self._tail = now, secrets.randbits(_TAIL_BITS - 1)
        else:
            self._tail += 1 + secrets.randbits(_STEP_BITS)
        high, low = self._tail >> 62, self._tail & ((1 << 62) - 1)
        time = self._milliseconds & ((1 << _TIME_BITS) - 1)
        return f"{time << 80 | _VERSION | high << 64 | _VARIANT | low:032x}"


def earliest_at(seconds: float) -> str:
    """What every identity given at that time or later is not less than."""
    return f"{int(seconds * 1000):012x}".ljust(32, "0")
