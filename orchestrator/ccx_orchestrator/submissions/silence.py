"""A meter that nobody reads."""

from __future__ import annotations

from ccx.wire import Submission


class Silence:
    """See `ports.Meter`."""

    def accepted(self, language: str) -> None:
        """See `ports.Meter`."""

    def refused(self, reason: str) -> None:
        """See `ports.Meter`."""

    def started(self, language: str, waited_seconds: float, sandbox_seconds: float) -> None:
        """See `ports.Meter`."""

    def ended(self, submission: Submission) -> None:
        """See `ports.Meter`."""

    def called_back(self, *, succeeded: bool) -> None:
        """See `ports.Meter`."""
