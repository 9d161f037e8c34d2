"""Holds callers to what their tokens allow, and tells them how much is left."""

from __future__ import annotations

from dataclasses import dataclass, field

from ccx.errors import InvalidSubmission, QuotaExceeded
from ccx.wire import LIMIT_NAMES, FieldError, LimitOverrides, SubmissionRequest
from ccx_orchestrator.access.caller import Caller
from ccx_orchestrator.access.rates import PerMinute
from ccx_orchestrator.domain.limits import Limits, number_of

_SHORTLY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How many submissions of a caller wait, and how many run."""

    waiting: int = 0
    running: int = 0


@dataclass(slots=True)
class Quotas:
    """Counts what was taken in; what waits and runs others know."""

    _rates: PerMinute = field(default_factory=PerMinute)

    def check(self, caller: Caller, request: SubmissionRequest, now: Unfinished) -> dict[str, str]:
        """Count one more submission; what the answer's head says of it, as the IETF's draft of RateLimit has it. `now`
        is what the caller has unfinished.

        Raises InvalidSubmission or QuotaExceeded: then it is not counted.
        """
        quota = caller.quota
        if quota.highest_priority is not None and request.priority > quota.highest_priority:
            message = f"is at most {quota.highest_priority} for your token"
            raise InvalidSubmission(f"priority {message}.", (FieldError(field="priority", message=message),))
        _check_limits(request, quota.limits)
        for most, have, what in (
            (quota.unfinished, now.waiting + now.running, "wait or run"),
            (quota.queued, now.waiting, "wait"),
        ):
            if most is not None and have >= most:
                raise QuotaExceeded(
                    f"Your token allows {most} submissions that {what} at a time, and so many do.",
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


def held_to(request: SubmissionRequest, most: LimitOverrides, default: Limits) -> SubmissionRequest:
    """The request with the token's limits where it says nothing and the language's defaults are above them."""
    lower = {
        name: value
        for name in LIMIT_NAMES
        if (value := getattr(most, name)) is not None
        and getattr(request.limits, name) is None
        and number_of(default, name) > value
    }
    return request.model_copy(update={"limits": request.limits.model_copy(update=lower)}) if lower else request


def _check_limits(request: SubmissionRequest, most: LimitOverrides) -> None:
    """Raises InvalidSubmission where the submission or one of its judges asks for more."""
    asking = {"": request.limits} | {f"{title}.": judge.limits for judge, title in request.judges().items()}
    for prefix, limits in asking.items():
        for name in LIMIT_NAMES:
            asked, allowed = getattr(limits, name), getattr(most, name)
            if asked is not None and allowed is not None and asked > allowed:
                field, message = f"{prefix}limits.{name}", f"is at most {allowed:.15g} for your token"
                raise InvalidSubmission(f"{field} {message}.", (FieldError(field=field, message=message),))
