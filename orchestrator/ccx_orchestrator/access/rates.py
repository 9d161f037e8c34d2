"""How often somebody did something within the last minute. The library is loaded when somebody is counted: most nodes
count nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limits.strategies import MovingWindowRateLimiter


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
