"""Pauses between attempts, each longer than the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

_MOST_DOUBLINGS = 64  # far beyond any longest pause, and no number grows too large


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after a failure: `first_seconds`, then `factor` times as long each time, up to
    `longest_seconds`.
    """

    first_seconds: float
    longest_seconds: float
    factor: float = 2.0

    def after(self, failures: int) -> float:
        """The pause after so many failures in a row, counted from 1."""
        return min(self.longest_seconds, self.first_seconds * self.factor ** min(failures - 1, _MOST_DOUBLINGS))

    def pauses(self) -> Iterator[float]:
        """All pauses in turn, from the first on; they do not end."""
        return map(self.after, count(1))
