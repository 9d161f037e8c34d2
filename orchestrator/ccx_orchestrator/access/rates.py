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


@dataclass(frozen=True, slots=True)
class Count:
    """Whether one more was allowed, how many are left, and in how many seconds there are more."""

    is_allowed: bool
    left: int
    seconds: int


class PerMinute:
    """Counts for each by name, in memory."""

    @cached_property
    def _limiter(self) -> MovingWindowRateLimiter:
        from limits.storage import MemoryStorage
        from limits.strategies import MovingWindowRateLimiter

        return MovingWindowRateLimiter(MemoryStorage())

    def hit(self, most: int, who: str) -> Count:
        """One more of them, unless these are too many."""
        from limits import RateLimitItemPerMinute

        rate = RateLimitItemPerMinute(most)
        is_allowed = self._limiter.hit(rate, who)
        window = self._limiter.get_window_stats(rate, who)
        return Count(is_allowed, window.remaining, max(1, round(window.reset_time - time.time())))


class WrongTokens:
    """Slows down who guesses, by address. Right tokens are not counted."""

    def __init__(self) -> None:
        self._rates = PerMinute()

    def count(self, address: str, what: str) -> None:
        """One more came from there. Raises TooManyWrongTokens, which says what of."""
        if not self._rates.hit(WRONG_PER_MINUTE, address).is_allowed:
            raise TooManyWrongTokens(f"Too many {what} came from your address.", retry_after_seconds=60)
