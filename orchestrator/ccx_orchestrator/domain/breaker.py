"""A circuit breaker: who fails again and again is left alone for a while, and then tried with one submission."""

from __future__ import annotations

from dataclasses import dataclass

from ccx.backoff import Backoff

TOLERATED = 2  # failures in a row before the first pause: one may be chance
PAUSES = Backoff(1.0, 30.0)


@dataclass(slots=True)
class Breaker:
    """Closed, open until a time, or half open: then one try decides. Times are seconds on the caller's clock."""

    failures: int = 0
    opens_at: float = 0.0

    def fail(self, now: float) -> None:
        """A try failed. Every failure beyond the tolerated doubles the pause."""
        self.failures += 1
        beyond = self.failures - TOLERATED
        if beyond >= 0:
            self.opens_at = now + PAUSES.after(beyond + 1)

    def succeed(self) -> None:
        """A try went well: all is forgotten."""
        self.failures = 0
        self.opens_at = 0.0

    def allowed(self, now: float, under_way: int) -> int | None:
        """How many more tries may start, None for as many as one likes; `under_way` are those that have not ended."""
        if self.failures < TOLERATED:
            return None
        return max(0, 1 - under_way) if now >= self.opens_at else 0
