"""What `ccx run` and `ccx logs` print: the program's own bytes or the result as JSON, and a line about the verdict."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ccx.cli.output.artifacts import write_artifacts
from ccx.cli.output.color import painted
from ccx.cli.output.harmless import harmless
from ccx.cli.output.verdict_line import verdict_line, wants_input
from ccx.cli.standard_streams import write
from ccx.wire import Verdict

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from ccx.events import Output
    from ccx.wire import StepUsage, Submission


@dataclass(frozen=True)
class Presentation:
    """How a result is shown."""

    quiet: bool
    json: bool
    artifacts_dir: Path
    has_input: bool = True


class Passage:
    """Outputs on their way through, byte for byte: a program's two, and both of its compiler to standard error."""

    def __init__(self) -> None:
        self._passed: dict[tuple[int | None, str], int] = {}
        self._tail = b"\n"

    def begin(self) -> None:
        """It begins, or begins anew: what has been passed before counts no more."""
        self._passed.clear()

    def write(self, output: Output) -> None:
        """Pass a piece on."""
        self._write(output.case, output.stream, output.bytes())

    def write_rest(self, submission: Submission) -> None:
        """Pass on what no event has told of."""
        if submission.compile is not None:
            self._write_rest_of(None, submission.compile)
        for index, case in enumerate(submission.cases):
            self._write_rest_of(index, case)

    @property
    def is_within_a_line(self) -> bool:
        """Whether what stands on standard error, or on the terminal both outputs share, ends within a line."""
        return not self._tail.endswith(b"\n")

    def _write_rest_of(self, case: int | None, step: StepUsage) -> None:
        for stream, data in (("stdout", step.stdout_data()), ("stderr", step.stderr_data())):
            self._write(case, stream, data[self._passed.get((case, stream), 0) :])

    def _write(self, case: int | None, stream: str, data: bytes) -> None:
        if not data:
            return
        self._passed[case, stream] = self._passed.get((case, stream), 0) + len(data)
        is_output = case is not None and stream == "stdout"
        write(sys.stdout if is_output else sys.stderr, data)
        if not is_output or (_is_terminal(sys.stdout) and _is_terminal(sys.stderr)):
            self._tail = data[-1:]


def show(submission: Submission, artifacts: tuple[str, ...], presentation: Presentation, passage: Passage) -> None:
    """Print what is left of a finished submission and write the artifacts asked for. Raises BadInput where one cannot
    be written.
    """
    if presentation.json:
        write(sys.stdout, submission.model_dump_json(indent=2).encode() + b"\n")
    else:
        passage.write_rest(submission)
    complaints = write_artifacts(submission.artifacts, artifacts, presentation.artifacts_dir)
    lines = [f"ccx: {harmless(complaint)}" for complaint in complaints]
    if not presentation.quiet and not presentation.json:
        lines.append(_painted(verdict_line(submission), submission))
        if not presentation.has_input and wants_input(submission):
            lines.append("ccx: its standard input was empty; to type to it: ccx run -i")
    if lines:
        write(sys.stderr, ("\n" * passage.is_within_a_line + "\n".join(lines) + "\n").encode())


def _painted(line: str, submission: Submission) -> str:
    verdict = submission.verdict or ""
    return line.replace(verdict, painted(verdict, "green" if verdict is Verdict.OK else "red", sys.stderr), 1)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()
