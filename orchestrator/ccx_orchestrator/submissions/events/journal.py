"""All that was told of one attempt at a submission, numbered: readers come and go, each at its own place in it.

A reader holds nothing but the id it has come to, so one that is slow or late costs nothing and misses nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ccx import events as wire
from ccx.wire import Submission
from ccx_orchestrator.domain.events import Finished, Output, Told
from ccx_orchestrator.domain.output_pieces import OutputPieces
from ccx_orchestrator.domain.wire_events import kind_of, to_wire

# Output is gathered for this long after the piece before it, so that a program which writes byte by byte makes at
# most 200 events a second. The first piece after a silence goes out at once.
GATHER_SECONDS = 0.005
GATHER_BYTES = 64 * 1024
BATCH = 64  # entries a reader is given at a time


@dataclass(frozen=True, slots=True)
class EventId:
    """The place of an event: `attempt-number`, numbers from 1."""

    attempt: int
    number: int

    def __str__(self) -> str:
        return f"{self.attempt}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> EventId | None:
        """The id in a text, None where there is none."""
        found = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})", text)
        return None if found is None else cls(int(found[1]), int(found[2]))


@dataclass(slots=True)
class Entry:
    """One event and its place. `ended` goes with the last one."""

    id: EventId
    told: Told
    ended: Submission | None = None
    _json: bytes = field(default=b"", compare=False)

    @property
    def kind(self) -> str:
        """The name of the event on the wire."""
        return kind_of(self.told)

    @property
    def json(self) -> bytes:
        """As it crosses the wire. Made once, however many read it."""
        if not self._json:
            self._json = self.wire().model_dump_json().encode()
        return self._json

    def wire(self) -> wire.Event:
        """The wire's model of it."""
        return to_wire(self.told, event_id=str(self.id), attempt=self.id.attempt, ended=self.ended)


@dataclass(slots=True)
class Journal:
    """Written by one, read by many, on one event loop."""

    attempt: int = 1
    entries: list[Entry] = field(default_factory=list)
    is_complete: bool = False
    _gathered: OutputPieces = field(default_factory=OutputPieces)
    _has_grown: bool = False
    _given_at: float = 0.0
    _timer: asyncio.TimerHandle | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, told: Told) -> None:
        """Write down the next event. Finished goes through `conclude` and `complete`."""
        if isinstance(told, Output):
            self._gather(told)
            return
        self._give(whole_characters=False)
        self._append(told)

    def restart(self, attempt: int) -> None:
        """Begin that attempt: what was told so far is void."""
        self._give(whole_characters=False)
        self.attempt = attempt
        self.entries = []

    def conclude(self, finished: Finished, ended: Submission) -> Entry:
        """The last entry, which nobody is shown before `complete`: first the result must be kept."""
        self._give(whole_characters=False)
        return Entry(EventId(self.attempt, len(self.entries) + 1), finished, ended)

    def complete(self, last: Entry) -> None:
        """Show the last entry."""
        self.entries.append(last)
        self.is_complete = True
        self._tell_readers()

    def abandon(self) -> None:
        """Send the readers away: another node goes on with the submission."""
        self.is_complete = True
        self._tell_readers()

    @property
    def has_ended(self) -> bool:
        """Whether the last entry is the end."""
        return bool(self.entries) and isinstance(self.entries[-1].told, Finished)

    @property
    def is_abandoned(self) -> bool:
        """Whether what comes next is told elsewhere."""
        return self.is_complete and not self.has_ended

    def since(self, after: EventId | None) -> Sequence[Entry]:
        """Some of what comes after that place, in order; nothing where there is nothing yet. A place in another
        attempt is before all of this one, and so is one beyond its end. While there is no end, one beyond what is known
        here is believed: the end is in the store, for other nodes to tell, a moment before it is here.
        """
        start = after.number if after is not None and after.attempt == self.attempt else 0
        if start > len(self.entries) and self.has_ended:
            start = 0
        return self.entries[start : start + BATCH]

    async def wait_for_news(self, after: EventId | None) -> None:
        """Wait until there is something after that place, or never will be."""
        while not self.is_complete and not self.since(after):
            await self._news.wait()

    def _gather(self, output: Output) -> None:
        if not output.data:
            return
        self._gathered.add(output)
        self._has_grown = True
        now = asyncio.get_running_loop().time()
        if now - self._given_at >= GATHER_SECONDS or self._gathered.size >= GATHER_BYTES:
            self._give(whole_characters=True)
        self._wake_up_later()

    def _wake_up_later(self) -> None:
        if self._gathered.size and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        # The beginning of a character waits once for the rest of it, and then goes out as the bytes it is.
        self._give(whole_characters=self._has_grown)
        self._has_grown = False
        self._wake_up_later()

    def _give(self, *, whole_characters: bool) -> None:
        if not whole_characters and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for output in self._gathered.take(whole_characters=whole_characters):
            self._append(output)
            self._given_at = asyncio.get_running_loop().time()

    def _append(self, told: Told) -> None:
        self.entries.append(Entry(EventId(self.attempt, len(self.entries) + 1), told))
        self._tell_readers()

    def _tell_readers(self) -> None:
        """Wake those who wait now; who waits from now on waits for the next."""
        news, self._news = self._news, asyncio.Event()
        news.set()
