"""Whether what another node tells of a submission can be true. Pure.

A node that is broken, or is something else than a node, must neither be believed nor fill this one's memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ccx_orchestrator.domain.events import ArtifactSent, Event, Finished, Output, Started, StepJudged
from ccx_orchestrator.domain.plan import Plan, Step
from ccx_orchestrator.domain.wanted_files import highest_count

STREAMS = 2
SLACK_BYTES = 64 * 1024  # what a step may write beyond its limit before it is ended, and still be believed


class ImplausibleEvent(ValueError):
    """That cannot be."""


@dataclass(slots=True)
class EventValidator:
    """What was told of one try at that plan so far; `submission_id` is the other node's name for it."""

    plan: Plan
    submission_id: str = ""
    _has_started: bool = False
    _judged: set[int | None] = field(default_factory=set)
    _artifacts: int = 0
    _output_bytes: int = 0

    def check(self, event: object) -> Event:
        """The event, if it can be the next. Raises ImplausibleEvent."""
        match event:
            case Started() if not self._has_started:
                self._has_started = True
                return event
            case Finished() if self._has_started:
                return event
            case ArtifactSent() if self._has_started:
                self._artifacts += 1
                if self._artifacts <= highest_count(self.plan.artifacts):
                    return event
            case Output(case, _, data) if self.is_under_way(case):
                self._output_bytes += len(data)
                if self._output_bytes <= _most_output_bytes(self.plan):
                    return event
            case StepJudged(case) if self.is_under_way(case):
                self._judged.add(case)
                return event
        raise ImplausibleEvent(f"it told something that cannot be: {type(event).__name__}")

    def is_under_way(self, case: int | None) -> bool:
        """Whether something may be told of that case (None: of the compiler) now."""
        is_of_the_plan = self.plan.compile is not None if case is None else 0 <= case < len(self.plan.cases)
        return self._has_started and is_of_the_plan and case not in self._judged


def _most_output_bytes(plan: Plan) -> int:
    steps: list[Step] = [case.step for case in plan.cases] + ([plan.compile] if plan.compile else [])
    return sum(STREAMS * (step.limits.output_bytes + SLACK_BYTES) for step in steps)
