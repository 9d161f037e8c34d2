"""One run as it goes on, folded from its events; and the one who follows it, over lost connections too. No Qt here."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from ccx.client import Client
from ccx.errors import CcxError, NodeUnreachable
from ccx.events import Done, Event, Output, Queued, Started
from ccx.wire import State, Submission, SubmissionRequest

COMPILER = -1
SHOWN_CHARACTERS = 300_000  # more on a screen helps nobody
PAUSE_SECONDS = 0.5
LOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Some output: of a case by its index, or of the compiler."""

    case: int
    stream: str
    text: str


@dataclass(slots=True)
class Run:
    """What is known of a run. `pieces` are those that nobody has shown yet."""

    request: SubmissionRequest
    id: str | None = None
    state: State = State.QUEUED
    position: int | None = None
    node: str | None = None
    result: Submission | None = None
    trouble: str | None = None
    is_lost: bool = False
    is_anew: bool = False
    pieces: list[Piece] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _decoders: dict[tuple[int, str], codecs.IncrementalDecoder] = field(default_factory=dict)

    def fold(self, event: Event) -> None:
        """Take in what the node tells."""
        match event:
            case Queued():
                if self.id is not None and event.id is not None:  # a higher attempt: what was told is void
                    self.pieces.clear()
                    self.errors.clear()
                    self._decoders.clear()
                    self.is_anew = True
                self.id, self.position, self.state = event.submission_id, event.position, State.QUEUED
            case Started():
                self.state, self.node, self.position = State.RUNNING, event.node, None
            case Output():
                self._take(COMPILER if event.case is None else event.case, event.stream, event.bytes())
            case Done():
                self.state, self.result = State.DONE, event.submission or self.result
            case _:
                pass

    def _take(self, case: int, stream: str, data: bytes) -> None:
        key = (case, stream)
        if key not in self._decoders:
            self._decoders[key] = codecs.getincrementaldecoder("utf-8")("replace")
        text = self._decoders[key].decode(data)
        if text:
            self.pieces.append(Piece(case, stream, text))
            if stream == "stderr" or case == COMPILER:
                self.errors.append(text)

    def taken_pieces(self) -> list[Piece]:
        """What is to be shown now, cut at its beginning where it is more than anybody reads."""
        pieces, self.pieces = self.pieces, []
        shown = 0
        for at in range(len(pieces) - 1, -1, -1):
            shown += len(pieces[at].text)
            if shown > SHOWN_CHARACTERS:
                return pieces[at + 1 :] or [
                    Piece(pieces[at].case, pieces[at].stream, pieces[at].text[-SHOWN_CHARACTERS:])
                ]
        return pieces


async def follow(client: Client, run: Run, on_change: Callable[[], None]) -> None:
    """Hand it in, and follow it to its end. A connection that is lost is taken up again where it broke off. What the
    node refuses is the run's `trouble`.
    """
    clock = asyncio.get_running_loop().time
    last: str | None = None
    heard_at = clock()
    try:
        # Detached from this connection: it goes on while the window looks for the node.
        run.id = (await client.submit(run.request, wait=False)).id
        on_change()
        while run.state is not State.DONE:
            try:
                async with aclosing(client.events(run.id, last, resume_seconds=0)) as events:
                    async for event in events:
                        heard_at, last, run.is_lost = clock(), event.id or last, False
                        run.fold(event)
                        on_change()
            except NodeUnreachable:
                if clock() - heard_at > LOST_SECONDS:
                    raise
                run.is_lost = True
                on_change()
                await asyncio.sleep(PAUSE_SECONDS)
        if run.result is None:
            run.result = await client.submission(run.id)
    except CcxError as error:
        run.state, run.trouble = State.DONE, str(error)
    on_change()


async def stop(client: Client, run: Run) -> None:
    """End it; what it has written is kept. That it has ended already is no trouble."""
    if run.id is not None:
        with suppress(CcxError):
            await client.cancel(run.id)
