"""The one line that says how a submission ended. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ccx.cli.output.harmless import harmless
from ccx.units import bytes_text
from ccx.wire import Verdict

if TYPE_CHECKING:
    from ccx.wire import StepUsage, Submission

_SHORT_SECONDS = 0.01
# What programs of many languages say where they find no input.
_END_OF_INPUT = re.compile(rb"\bEOF|NoSuchElement|end of (file|input)", re.IGNORECASE)
_TOLD_BYTES = 4096


def verdict_line(submission: Submission) -> str:
    """Verdict, CPU time, time on the clock and memory; where it is not ok, the cause as well."""
    step = _telling_step(submission)
    verdict = submission.verdict or "no verdict"
    cause = None if verdict is Verdict.OK else _cause(submission, step)
    parts = [verdict if cause is None else f"{verdict}: {cause}"]
    if step is not None:
        parts += [_seconds(step.cpu_seconds) + " CPU", _seconds(step.wall_seconds), bytes_text(step.memory_bytes)]
        parts += _cuts(step)
    if verdict is Verdict.INTERNAL_ERROR:
        parts.append(f"submission {submission.id}")
    return "ccx: " + harmless(" · ".join(parts))


def wants_input(submission: Submission) -> bool:
    """Whether it failed for the want of input, as far as what it wrote tells."""
    step = _telling_step(submission)
    if step is None or submission.verdict is not Verdict.RUNTIME_ERROR:
        return False
    return _END_OF_INPUT.search(step.stderr_data()[-_TOLD_BYTES:]) is not None


def _telling_step(submission: Submission) -> StepUsage | None:
    """The step the verdict is about: the first case that has it, else the compile step."""
    for case in submission.cases:
        if case.verdict is submission.verdict:
            return case
    return submission.compile


def _cause(submission: Submission, step: StepUsage | None) -> str | None:
    """What the node says of it, in short where it says nothing."""
    told = submission.message or (step.message if step else None)
    if told:
        return told.rstrip(".")
    if step is None:
        return None
    if step.limit:
        return f"the limit {step.limit} was reached"
    if step.signal:
        return f"killed by {step.signal}"
    return f"exit code {step.exit_code}" if step.exit_code else None


def _cuts(step: StepUsage) -> list[str]:
    """A word on each output of which not all was kept."""
    cuts = []
    if step.stdout_truncated:
        cuts.append(f"stdout cut at {bytes_text(len(step.stdout_data()))} of {bytes_text(step.stdout_bytes)}")
    if step.stderr_truncated:
        cuts.append(f"stderr cut at {bytes_text(len(step.stderr_data()))} of {bytes_text(step.stderr_bytes)}")
    return cuts


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= _SHORT_SECONDS else f"{seconds:.3f} s"
