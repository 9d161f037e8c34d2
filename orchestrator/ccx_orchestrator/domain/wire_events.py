"""Events of the domain as they cross the wire, and back again without a loss. Pure."""

from __future__ import annotations

from typing import Any, assert_never

from ccx import events as wire
from ccx.wire import Submission, Verdict, decode, encode
from ccx_orchestrator.domain.events import (
    ArtifactSent,
    EndedBy,
    Finished,
    How,
    Output,
    Queued,
    Started,
    StepJudged,
    StepReport,
    Stream,
    Told,
)
from ccx_orchestrator.domain.verdicts import signal_name

# Readers of a stream have had the outputs already: only what is small is told once more at the end.
MAX_REPEATED_BYTES = 1024 * 1024


def to_wire(
    told: Told, *, event_id: str | None = None, attempt: int = 1, ended: Submission | None = None
) -> wire.Event:
    """The wire's event. `ended` is the submission to go with Finished."""
    match told:
        case Queued(submission_id, position):
            return wire.Queued(id=event_id, submission_id=submission_id, position=position)
        case Started(node, language_version):
            return wire.Started(id=event_id, node=node, language_version=language_version, attempt=attempt)
        case Output(case, stream, data):
            text, encoding = encode(data)
            return wire.Output(id=event_id, case=case, stream=stream.value, data=text, encoding=encoding)
        case StepJudged():
            return _step_to_wire(told, event_id)
        case ArtifactSent(name, data, error):
            text, encoding = encode(data)
            return wire.ArtifactSent(id=event_id, name=name, content=text, encoding=encoding, error=error)
        case Finished(verdict, message):
            repeated = ended if ended is not None and _is_small(ended) else None
            return wire.Done(id=event_id, verdict=verdict, message=message, submission=repeated)
        case never:
            assert_never(never)


def kind_of(told: Told) -> str:
    """The `type` of the wire's event."""
    if isinstance(told, StepJudged):
        return "compiled" if told.case is None else "case"
    return _KINDS[type(told)]


def from_wire(event: wire.Event) -> Told:  # noqa: PLR0911 - one for each kind
    """The domain's event. Raises ValueError where text is not what its encoding says."""
    match event:
        case wire.Queued():
            return Queued(event.submission_id, event.position)
        case wire.Started():
            return Started(event.node, event.language_version)
        case wire.Output():
            return Output(event.case, Stream(event.stream), event.bytes())
        case wire.Compiled():
            return _step_from_wire(event, None)
        case wire.CaseEnded():
            return _step_from_wire(event, event.case)
        case wire.ArtifactSent():
            return ArtifactSent(event.name, decode(event.content, event.encoding), event.error)
        case wire.Done():
            return Finished(event.verdict, event.message)
        case never:
            assert_never(never)


def last_figures(ended: Submission) -> StepJudged | None:
    """What the last step of a submission used that another node was told to cancel; None where nothing had begun."""
    step = ended.cases[-1] if ended.cases else ended.compile
    if ended.verdict is not Verdict.CANCELLED or step is None:
        return None
    report = StepReport.killed(
        EndedBy.CANCEL,
        cpu_seconds=step.cpu_seconds,
        wall_seconds=step.wall_seconds,
        memory_bytes=step.memory_bytes,
        stdout_bytes=step.stdout_bytes,
        stderr_bytes=step.stderr_bytes,
    )
    return StepJudged(len(ended.cases) - 1 if ended.cases else None, report, Verdict.CANCELLED, None, step.message)


def _step_to_wire(judged: StepJudged, event_id: str | None) -> wire.Event:
    report = judged.report
    fields: dict[str, Any] = {
        "id": event_id,
        "verdict": judged.verdict,
        "exit_code": report.code if report.how is How.EXITED else None,
        "signal": signal_name(report.code) if report.how is How.SIGNALLED else None,
        "limit": judged.limit,
        "message": judged.message,
        "how": report.how.value,
        "ended_by": report.ended_by.value,
        **{name: getattr(report, name) for name in _COUNTERS},
    }
    if judged.case is None:
        return wire.Compiled(**fields)
    return wire.CaseEnded(case=judged.case, feedback=judged.feedback, **fields)


def _step_from_wire(event: wire.Compiled | wire.CaseEnded, case: int | None) -> StepJudged:
    counters = {name: getattr(event, name) for name in _COUNTERS}
    report = StepReport(how=How(event.how), ended_by=EndedBy(event.ended_by), **counters)
    feedback = event.feedback if isinstance(event, wire.CaseEnded) else None
    return StepJudged(case, report, event.verdict, event.limit, event.message, feedback)


_KINDS = {Queued: "queued", Started: "started", Output: "output", ArtifactSent: "artifact", Finished: "done"}
_COUNTERS = tuple(name for name in StepReport.__dataclass_fields__ if name not in {"how", "ended_by"})


def _is_small(submission: Submission) -> bool:
    steps = (*submission.cases, *((submission.compile,) if submission.compile else ()))
    outputs = sum(len(step.stdout) + len(step.stderr) for step in steps)
    return outputs + sum(len(artifact.content) for artifact in submission.artifacts) <= MAX_REPEATED_BYTES
