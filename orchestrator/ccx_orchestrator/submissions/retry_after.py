"""How fast a node gets through its work, so that "try again later" can say when."""

from __future__ import annotations

from collections import deque
from datetime import datetime

REMEMBERED = 32
GUESS_SECONDS = 1.0  # a submission's time in a slot, before any has ended
LONGEST_ADVICE_SECONDS = 60.0


class RetryAdvice:
    """The measured rate of submissions that end."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._ends: deque[datetime] = deque(maxlen=REMEMBERED)

    def note_end(self, at: datetime) -> None:
        """A submission has ended."""
        self._ends.append(at)

    def seconds_until_free(self, waiting: int) -> float:
        """About how long until a queue of this length has become shorter by a tenth, from one second to one minute."""
        seconds = self._seconds_between_ends() * max(1, waiting // 10)
        return min(LONGEST_ADVICE_SECONDS, max(1.0, seconds))

    def _seconds_between_ends(self) -> float:
        if len(self._ends) < REMEMBERED // 4:
            return GUESS_SECONDS / self._slots
        return (self._ends[-1] - self._ends[0]).total_seconds() / (len(self._ends) - 1)
