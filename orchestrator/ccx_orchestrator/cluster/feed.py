"""What happens to nodes and submissions, as one stream for each who watches. Nodes are looked at once a second for all
of them, and only while there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass

from pydantic import TypeAdapter

from ccx.errors import StoreUnavailable
from ccx.feed import Gap, SubmissionChanged
from ccx.wire import NodeInfo
from ccx_orchestrator.submissions.changes import Change, Changes
from ccx_orchestrator.submissions.reading.event_stream import Line, Lines
from ccx_orchestrator.submissions.shared_store.other_masters import OtherMasters

SECONDS = 1.0
LOOK_SECONDS = 3.0  # after that what other masters do is not looked for this time
HEARTBEAT_SECONDS = 15.0
_NODES = TypeAdapter(tuple[NodeInfo, ...])

Sees = Callable[[str | None], bool]


@dataclass(slots=True)
class _Picture:
    """The nodes as they were when they were last looked at, written down once for all who see everything."""

    nodes: tuple[NodeInfo, ...] = ()
    number: int = 0
    document: bytes = b""


class Feed:
    """Watches for its readers. `incarnation` tells the ids of this process from those of the one before."""

    def __init__(
        self,
        incarnation: str,
        changes: Changes,
        nodes: Callable[[], tuple[NodeInfo, ...]],
        owner_of: Callable[[str], str | None],
        other_masters: OtherMasters | None = None,
    ) -> None:
        self._incarnation = incarnation[:8]
        self._changes = changes
        self._nodes = nodes
        self._owner_of = owner_of
        self._other_masters = other_masters
        self._picture = _Picture()
        self._news: set[asyncio.Event] = set()
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_looking(self) -> bool:
        """Whether anybody watches."""
        return self._looking is not None

    async def lines(self, sees: Sees, last_id: str | None = None) -> Lines:
        """All that the reader sees from now on, or from after that id; an empty batch where it is silent for long."""
        news = asyncio.Event()
        self._news.add(news)
        if self._looking is None:
            self._changes.listen(self._wake)
            self._look()
            self._looking = asyncio.create_task(self._look_for_ever(), name="feed")
        try:
            async for batch in self._from(news, sees, last_id):
                yield batch
        finally:
            self._news.discard(news)
            if not self._news and self._looking is not None:
                self._looking.cancel()
                self._looking = None
                if self._other_masters is not None:
                    self._other_masters.forget()
                self._changes.leave(self._wake)

    async def _from(self, news: asyncio.Event, sees: Sees, last_id: str | None) -> AsyncGenerator[list[Line]]:
        at = self._changes.newest if last_id is None else self._number_in(last_id)
        told_picture = 0
        while True:
            news.clear()
            batch: list[Line] = []
            changes = self._changes.since(at) if at is not None else None
            if changes is None:
                batch.append(Line(self._id(self._changes.newest), "gap", Gap().model_dump_json().encode()))
            batch += [self._line(change) for change in changes or () if sees(change.owner)]
            at = self._changes.newest
            if told_picture != self._picture.number:
                told_picture = self._picture.number
                batch.append(Line(None, "nodes", self._document(sees)))
            if batch:
                yield batch
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await news.wait()
            except TimeoutError:
                yield []

    def _line(self, change: Change) -> Line:
        event = SubmissionChanged(id=self._id(change.number), submission=change.summary)
        return Line(event.id, event.type, event.model_dump_json().encode())

    def _document(self, sees: Sees) -> bytes:
        return self._picture.document if sees(None) else _written(seen_by(self._picture.nodes, sees, self._owner_of))

    async def _look_for_ever(self) -> None:
        while True:
            await self._look_at_others()
            await asyncio.sleep(SECONDS)
            self._look()

    async def _look_at_others(self) -> None:
        if self._other_masters is not None:
            with suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._other_masters.look()

    def _look(self) -> None:
        nodes = self._nodes()
        if nodes != self._picture.nodes:
            self._picture = _Picture(nodes, self._picture.number + 1, _written(nodes))
            self._wake()

    def _wake(self) -> None:
        for news in self._news:
            news.set()

    def _id(self, number: int) -> str:
        return f"{self._incarnation}-{number}"

    def _number_in(self, last_id: str) -> int | None:
        incarnation, _, number = last_id.partition("-")
        return int(number) if incarnation == self._incarnation and number.isdecimal() else None


def seen_by(nodes: tuple[NodeInfo, ...], sees: Sees, owner_of: Callable[[str], str | None]) -> tuple[NodeInfo, ...]:
    """The nodes without the submissions of others."""
    if sees(None):
        return nodes
    return tuple(
        node.model_copy(update={"submissions": tuple(one for one in node.submissions if sees(owner_of(one)))})
        for node in nodes
    )


def _written(nodes: tuple[NodeInfo, ...]) -> bytes:
    return b'{"id":null,"type":"nodes","nodes":' + _NODES.dump_json(nodes) + b"}"
