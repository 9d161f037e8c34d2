"""A journal as the bytes a store keeps beside the result. What the result has already is not kept twice: outputs are
told by their lengths, and read out of the submission again.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO

from ccx.events import EVENT
from ccx.wire import Submission
from ccx_orchestrator.domain.events import ArtifactSent, Finished, Output, Stream, Told
from ccx_orchestrator.domain.wire_events import from_wire, to_wire
from ccx_orchestrator.submissions.events.journal import Entry, EventId, Journal

_FAST = 1
# A longer journal, at some 10 µs an event, is not for the event loop.
MOST_AT_ONCE = 200
MOST_BYTES_AT_ONCE = 16 * 1024


async def to_bytes(attempt: int, entries: Sequence[Entry]) -> bytes:
    """All entries, the last one included."""
    if len(entries) <= MOST_AT_ONCE:
        return _to_bytes(attempt, entries)
    return await asyncio.to_thread(_to_bytes, attempt, entries)


async def from_bytes(data: bytes, submission: Submission) -> Journal:
    """The complete journal of a submission that has ended. Raises ValueError where it is not one of ours."""
    if len(data) <= MOST_BYTES_AT_ONCE:
        return _from_bytes(data, submission)
    return await asyncio.to_thread(_from_bytes, data, submission)


def _to_bytes(attempt: int, entries: Iterable[Entry]) -> bytes:
    lines = b",".join(b"[%d,%b]" % _size_and_document(entry) for entry in entries)
    return zlib.compress(b'{"attempt":%d,"events":[%b]}' % (attempt, lines), _FAST)


def _from_bytes(data: bytes, submission: Submission) -> Journal:
    kept = json.loads(zlib.decompress(data))
    outputs = _Outputs(submission)
    told = [outputs.fill(from_wire(EVENT.validate_python(event)), size) for size, event in kept["events"]]
    return Journal(kept["attempt"], list(_entries(kept["attempt"], told, submission)), is_complete=True)


def of_result_alone(submission: Submission) -> Journal:
    """The journal of a submission of which only the result was kept."""
    verdict = submission.verdict
    if verdict is None:
        raise ValueError(f"submission {submission.id} has not ended")
    told: list[Told] = [Finished(verdict, submission.message)]
    return Journal(0, list(_entries(0, told, submission)), is_complete=True)


def _entries(attempt: int, told: list[Told], submission: Submission) -> Iterator[Entry]:
    for number, event in enumerate(told, 1):
        yield Entry(EventId(attempt, number), event, submission if isinstance(event, Finished) else None)


def _size_and_document(entry: Entry) -> tuple[int, bytes]:
    match entry.told:
        case Output() | ArtifactSent() as told:
            without_data = to_wire(replace(told, data=b""), attempt=entry.id.attempt)
            return len(told.data), without_data.model_dump_json().encode()
        case Finished() as told:
            return 0, to_wire(told).model_dump_json().encode()  # without the result
        case _:
            return 0, entry.json  # which who follows has made already


class _Outputs:
    """The outputs of a result, read in the order in which they were written."""

    def __init__(self, submission: Submission) -> None:
        self._streams: dict[tuple[int | None, Stream], BytesIO] = {}
        steps = [*enumerate(submission.cases), *([(None, submission.compile)] if submission.compile else [])]
        for case, step in steps:
            self._streams[case, Stream.STDOUT] = BytesIO(step.stdout_data())
            self._streams[case, Stream.STDERR] = BytesIO(step.stderr_data())
        self._artifacts = iter(submission.artifacts)

    def fill(self, told: Told, size: int) -> Told:
        """The event with its data again."""
        match told:
            case Output(case, stream, _):
                return replace(told, data=self._streams[case, stream].read(size))
            case ArtifactSent():
                return replace(told, data=next(self._artifacts).data())
            case _:
                return told
