"""What an executor tells while it runs a submission, in this order:

    Started · Compiled? · (Output* · CaseDone)* · ArtifactSent* · Finished

Output of the compiler comes with `case` None, before Compiled. Bytes stay bytes here; text is a matter of the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from signal import SIGKILL

from ccx.wire import Verdict


class Stream(StrEnum):
    """Which of a program's two outputs."""

    STDOUT = "stdout"
    STDERR = "stderr"


class EndedBy(StrEnum):
    """What the runner enforced."""

    NOTHING = "nothing"
    CPU = "cpu"
    WALL = "wall"
    STDOUT = "stdout"
    STDERR = "stderr"
    CANCEL = "cancel"


class How(StrEnum):
    """How the main process of a step ended; `StepReport.code` is exit status, signal number or errno."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """The runner's counters for one process tree. Facts only: `domain.verdicts` judges them."""

    how: How
    code: int
    ended_by: EndedBy
    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    stdout_bytes: int
    stderr_bytes: int
    oom_kills: int
    refused_forks: int
    marker_found: bool
    left_behind: int

    @classmethod
    def killed(
        cls,
        ended_by: EndedBy = EndedBy.NOTHING,
        *,
        cpu_seconds: float = 0.0,
        wall_seconds: float = 0.0,
        memory_bytes: int = 0,
        stdout_bytes: int = 0,
        stderr_bytes: int = 0,
        oom_kills: int = 0,
    ) -> StepReport:
        """Of one that was killed, and whose runner told no more of it than this."""
        return cls(
            how=How.SIGNALLED,
            code=SIGKILL,
            ended_by=ended_by,
            cpu_seconds=cpu_seconds,
            wall_seconds=wall_seconds,
            memory_bytes=memory_bytes,
            stdout_bytes=stdout_bytes,
            stderr_bytes=stderr_bytes,
            oom_kills=oom_kills,
            refused_forks=0,
            marker_found=False,
            left_behind=0,
        )


@dataclass(frozen=True, slots=True)
class Started:
    """The submission has a sandbox on this node."""

    node: str
    language_version: str


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of output; `case` is the index of the case, None for the compiler."""

    case: int | None
    stream: Stream
    data: bytes


@dataclass(frozen=True, slots=True)
class StepJudged:
    """A step ended: its report and the judgement of it. `case` is None for the compiler."""

    case: int | None
    report: StepReport
    verdict: Verdict
    limit: str | None
    message: str | None
    feedback: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactSent:
    """A file the submission asked to have back, or why there is none."""

    name: str
    data: bytes
    error: str | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event, always exactly one."""

    verdict: Verdict
    message: str | None


@dataclass(frozen=True, slots=True)
class Queued:
    """The submission was accepted; its place in the queue, 1 being next, None where it need not wait. Told by the
    node, never by an executor.
    """

    submission_id: str
    position: int | None


@dataclass(frozen=True, slots=True)
class Restarted:
    """What was told so far is void: it has to be started anew, on another node."""


Event = Started | Output | StepJudged | ArtifactSent | Finished
Told = Queued | Event
