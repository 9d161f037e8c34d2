"""How often somebody did something within the last minute. The library is loaded when somebody is counted: most nodes
count nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ccx.errors import TooManyWrongTokens

if TYPE_CHECKING:
    from limits.strategies import MovingWindowRateLimiter


WRONG_PER_MINUTE = 20
SET_BACK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Count:
    """Whether one more was allowed, how many are left, and in how many seconds there are more."""

    is_allowed: bool
    left: int
    seconds: int


class PerMinute:
    """Counts for each by name, in memory."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    @cached_property
    def _limiter(self) -> MovingWindowRateLimiter:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        return MovingWindowRateLimiter(MemoryStorage())

    def hit(self, most: int, who: str) -> Count:
        """One more of them, unless these are too many."""
        from limits import RateLimitItemPerMinute

        self._forget_what_is_to_come()
        rate = RateLimitItemPerMinute(most)
        is_allowed = self._limiter.hit(rate, who)
        window = self._limiter.get_window_stats(rate, who)
        return Count(is_allowed, window.remaining, max(1, round(window.reset_time - time.time())))

    def _forget_what_is_to_come(self) -> None:
        """The library counts by the time of day: where that was set back by an hour, the last minute would last for
        one.
        """
        ahead_seconds = time.time() - time.monotonic()
        if ahead_seconds < self._ahead_seconds - SET_BACK_SECONDS:
            self._limiter.storage.reset()
        self._ahead_seconds = ahead_seconds


class WrongTokens:
    """Slows down who guesses, by address. Right tokens are not counted."""

    def __init__(self) -> None:
        self._rates = PerMinute()

    def count(self, address: str, what: str) -> None:
        """One more came from there. Raises TooManyWrongTokens, which says what of."""
        if not self._rates.hit(WRONG_PER_MINUTE, address).is_allowed:
            raise TooManyWrongTokens(f"Too many {what} came from your address.", retry_after_seconds=60)
