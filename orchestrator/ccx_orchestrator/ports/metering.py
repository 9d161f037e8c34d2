"""What is counted and timed."""

from __future__ import annotations

from typing import Protocol

from ccx.wire import Submission


class Meter(Protocol):
    """Is told what happens, to count and time it. Never slow, never raises."""

    def accepted(self, language: str) -> None:
        """A submission was taken in."""

    def refused(self, reason: str) -> None:
        """A submission was refused; `reason` is the problem's slug."""

    def started(self, language: str, waited_seconds: float, sandbox_seconds: float) -> None:
        """A sandbox has begun: how long the submission waited for its slot, and then for the sandbox."""

    def ended(self, submission: Submission, owner: str) -> None:
        """A submission of that owner has its result."""

    def called_back(self, *, succeeded: bool) -> None:
        """A callback was tried."""
