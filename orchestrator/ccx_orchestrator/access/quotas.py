"""Holds callers to what their tokens allow, and tells them how much is left."""

from __future__ import annotations

from dataclasses import dataclass, field

from ccx.errors import InvalidSubmission, QuotaExceeded
from ccx.wire import FieldError, SubmissionRequest
from ccx_orchestrator.access.caller import Caller
from ccx_orchestrator.access.rates import PerMinute

_SHORTLY_SECONDS = 1.0


@dataclass(slots=True)
class Quotas:
    """Counts what was taken in; what is unfinished others know."""

    _rates: PerMinute = field(default_factory=PerMinute)

    def check(self, caller: Caller, request: SubmissionRequest, unfinished: int) -> dict[str, str]:
        """Count one more submission; what the answer's head says of it, as the IETF's draft of RateLimit has it.

        Raises InvalidSubmission or QuotaExceeded: then it is not counted.
        """
        quota = caller.quota
        if quota.highest_priority is not None and request.priority > quota.highest_priority:
            message = f"is at most {quota.highest_priority} for your token"
            raise InvalidSubmission(f"priority {message}.", (FieldError(field="priority", message=message),))
        if quota.unfinished is not None and unfinished >= quota.unfinished:
            raise QuotaExceeded(
                f"Your token allows {quota.unfinished} submissions that wait or run at a time, and so many do.",
                retry_after_seconds=_SHORTLY_SECONDS,
            )
        if quota.per_minute is None:
            return {}
        count = self._rates.hit(quota.per_minute, caller.client)
        if not count.is_allowed:
            raise QuotaExceeded(
                f"Your token allows {quota.per_minute} submissions a minute.", retry_after_seconds=float(count.seconds)
            )
        return {
            "RateLimit-Policy": f'"per-minute";q={quota.per_minute};w=60',
            "RateLimit": f'"per-minute";r={count.left};t={count.seconds}',
        }
