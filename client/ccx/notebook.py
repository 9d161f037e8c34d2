"""A result as a notebook shows it: the verdict, what it used, and what it wrote. All of it is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ccx.units import bytes_text
from ccx.wire import StepUsage, Submission, Verdict

MOST_CHARACTERS = 20_000
MOST_CASES = 50


def html_of(submission: Submission) -> str:
    """The parts of a page."""
    is_good = submission.verdict is Verdict.OK
    colour = "#0b6b3a" if is_good else "#a81e1e"
    head = escape(str(submission.verdict or submission.state))
    why = f": {escape(submission.message)}" if submission.message else ""
    parts = [f'<p><b style="color: {colour}">{head}</b>{why}</p>']
    if submission.compile and (submission.compile.stdout or submission.compile.stderr):
        parts += _step("compiler", submission.compile)
    for case in submission.cases[:MOST_CASES]:
        name = case.name if len(submission.cases) > 1 else ""
        parts += _step(name, case, f" {case.verdict}" if name else "")
    if len(submission.cases) > MOST_CASES:
        parts.append(f"<p>and {len(submission.cases) - MOST_CASES} more cases</p>")
    return "".join(parts)


def _step(name: str, step: StepUsage, verdict: str = "") -> Iterator[str]:
    used = f"{step.cpu_seconds:.3g} s CPU · {step.wall_seconds:.3g} s · {bytes_text(step.memory_bytes)}"
    yield f"<p><small>{escape(f'{name}{verdict} {used}'.strip())}</small></p>"
    for text, style in ((step.stdout, ""), (step.stderr, ' style="color: #a81e1e"')):
        if text:
            more = f"\n… {len(text) - MOST_CHARACTERS} more characters" if len(text) > MOST_CHARACTERS else ""
            yield f"<pre{style}>{escape(text[:MOST_CHARACTERS] + more)}</pre>"
