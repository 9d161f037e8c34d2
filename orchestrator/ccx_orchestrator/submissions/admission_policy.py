"""What a node allows and how long it keeps trying: decisions that are the operator's."""

from __future__ import annotations

from dataclasses import dataclass

from ccx.errors import InvalidSubmission
from ccx.wire import FieldError, SubmissionRequest


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """`max_attempts` is how often a submission is started before it is given up, where nodes die while it runs."""

    max_attempts: int = 5
    highest_priority: int = 100
    takes_callbacks: bool = True

    def check(self, request: SubmissionRequest) -> None:
        """Raises InvalidSubmission."""
        if request.priority > self.highest_priority:
            _refuse("priority", f"is at most {self.highest_priority} on this node")
        if request.callback_url and not self.takes_callbacks:
            _refuse("callback_url", "cannot be used: this node has no secret to sign callbacks with")


def _refuse(field: str, message: str) -> None:
    raise InvalidSubmission(f"{field} {message}.", (FieldError(field=field, message=message),))
