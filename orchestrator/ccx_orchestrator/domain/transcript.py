"""A submission as its events tell it: fold the events in, read the submission out at any moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from ccx.wire import Artifact, CaseResult, CompileResult, State, Submission, encode
from ccx_orchestrator.domain.events import (
    ArtifactSent,
    Event,
    Finished,
    How,
    Output,
    Started,
    StepJudged,
    Stream,
)
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.verdicts import signal_name

# What all cases of one submission together may leave: a thousand cases at the highest output limit would fill a
# node's memory.
MAX_KEPT_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class _Step:
    """What is known of one step so far."""

    output: dict[Stream, bytearray] = field(default_factory=lambda: {stream: bytearray() for stream in Stream})
    judged: StepJudged | None = None


@dataclass(slots=True)
class Transcript:
    """The life of one submission. `at` of `add` is the time of the event; nothing here looks at a clock. Where that was
    set back meanwhile, no event is dated before an earlier one.
    """

    submission_id: str
    plan: Plan
    created_at: datetime
    state: State = State.QUEUED
    _started: Started | None = None
    _started_at: datetime | None = None
    _finished: Finished | None = None
    _finished_at: datetime | None = None
    _compile: _Step | None = None
    _cases: dict[int, _Step] = field(default_factory=dict)
    _artifacts: list[Artifact] = field(default_factory=list)
    _kept_bytes: int = 0

    def add(self, event: Event, at: datetime) -> Event:
        """Take in the next event; what was kept of it. After Finished there is none."""
        match event:
            case Started():
                self.state, self._started, self._started_at = State.RUNNING, event, max(at, self.created_at)
            case Output():
                return self._keep(event)
            case StepJudged():
                self._step(event.case).judged = event
            case ArtifactSent(name, data, error):
                text, encoding = encode(data)
                self._artifacts.append(Artifact(name=name, content=text, encoding=encoding, error=error))
            case Finished():
                self.state, self._finished = State.DONE, event
                self._finished_at = max(at, self._started_at or self.created_at)
            case _:
                assert_never(event)
        return event

    @property
    def has_shown_nothing(self) -> bool:
        """Whether nothing of the program has been told yet, so that running it once more would not show."""
        return self.state is not State.DONE and self._compile is None and not self._cases and not self._artifacts

    def submission(self) -> Submission:
        """The submission as it now stands."""
        finished = self._finished
        return Submission(
            id=self.submission_id,
            state=self.state,
            verdict=finished.verdict if finished else None,
            message=finished.message if finished else None,
            language=self.plan.language.name,
            language_version=self._started.language_version if self._started else None,
            node=self._started.node if self._started else None,
            compile=CompileResult(**_usage(self._compile)) if self._compile else None,
            cases=tuple(self._case(index, step) for index, step in sorted(self._cases.items())),
            artifacts=tuple(self._artifacts),
            created_at=self.created_at,
            started_at=self._started_at,
            finished_at=self._finished_at,
        )

    def _keep(self, event: Output) -> Output:
        room = max(0, MAX_KEPT_BYTES - self._kept_bytes)
        kept = event.data[:room]
        self._kept_bytes += len(kept)
        self._step(event.case).output[event.stream] += kept
        return Output(event.case, event.stream, kept)

    def _step(self, case: int | None) -> _Step:
        if case is not None:
            return self._cases.setdefault(case, _Step())
        if self._compile is None:
            self._compile = _Step()
        return self._compile

    def _case(self, index: int, step: _Step) -> CaseResult:
        # A case that runs has no verdict yet; one that was running when the submission ended has that of the end.
        told = step.judged or self._finished
        verdict = told.verdict if told else None
        feedback = step.judged.feedback if step.judged else None
        name = self.plan.cases[index].name
        return CaseResult(name=name, verdict=verdict, feedback=feedback, **_usage(step))


def _usage(step: _Step) -> dict[str, Any]:
    """The fields of a wire StepUsage."""
    stdout, stdout_encoding = encode(bytes(step.output[Stream.STDOUT]))
    stderr, stderr_encoding = encode(bytes(step.output[Stream.STDERR]))
    kept = {
        "stdout": stdout,
        "stdout_encoding": stdout_encoding,
        "stderr": stderr,
        "stderr_encoding": stderr_encoding,
    }
    return kept | (_counters(step, step.judged) if step.judged else _counted_so_far(step))


def _counted_so_far(step: _Step) -> dict[str, Any]:
    """Of a step whose report has not come, or never will: what has been kept is what is known to be written."""
    return {
        "stdout_bytes": len(step.output[Stream.STDOUT]),
        "stderr_bytes": len(step.output[Stream.STDERR]),
    }


def _counters(step: _Step, judged: StepJudged) -> dict[str, Any]:
    report = judged.report
    return {
        "exit_code": report.code if report.how is How.EXITED else None,
        "signal": signal_name(report.code) if report.how is How.SIGNALLED else None,
        "limit": judged.limit,
        "message": judged.message,
        "stdout_bytes": report.stdout_bytes,
        "stdout_truncated": report.stdout_bytes > len(step.output[Stream.STDOUT]),
        "stderr_bytes": report.stderr_bytes,
        "stderr_truncated": report.stderr_bytes > len(step.output[Stream.STDERR]),
        "cpu_seconds": report.cpu_seconds,
        "wall_seconds": report.wall_seconds,
        "memory_bytes": report.memory_bytes,
    }
