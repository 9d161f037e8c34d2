"""What a node does because others share its store: takes work that is theirs, and hears of results they have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from itertools import count
from weakref import WeakValueDictionary

import structlog

from ccx.errors import StoreUnavailable
from ccx_orchestrator.domain.scheduling import Backlog
from ccx_orchestrator.domain.ticket import Ticket
from ccx_orchestrator.ports.placement import Placement
from ccx_orchestrator.ports.store import News, NewsKind, Queue

log = structlog.get_logger(__name__)

BEAT_SECONDS = 2.0
# News may be lost, with the connection they come by.
LOOK_AGAIN_SECONDS = 5.0


class Notifications:
    """Those who wait for a submission that another node has."""

    def __init__(self) -> None:
        self.is_closed = False
        self._news: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    def of(self, submission_id: str) -> asyncio.Event:
        """Set at the next news of that submission. Ask for it first, then look, then wait."""
        event = self._news.get(submission_id)
        if event is None:
            event = self._news[submission_id] = asyncio.Event()
        return event

    def tell(self, submissions: Iterable[str]) -> None:
        """There is news of these."""
        for submission_id in submissions:
            if event := self._news.pop(submission_id, None):
                event.set()

    def close(self) -> None:
        """Wake all: nobody should wait here any more."""
        self.is_closed = True
        self.tell(list(self._news))


async def wait_a_while(news: asyncio.Event, seconds: float = LOOK_AGAIN_SECONDS) -> None:
    """Until the news comes, or it is time to look for oneself."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await news.wait()


class WorkSharing:
    """Beats, listens and steals. `run_stolen` gets what was claimed elsewhere, with slots taken, and is told too when
    there was nothing, for slots were kept back meanwhile; `adopt` gets what dead nodes left; `hear` all other news.
    """

    def __init__(
        self,
        queue: Queue,
        backlog: Backlog,
        placement: Placement,
        languages: Callable[[], tuple[str, ...]],
        run_stolen: Callable[[tuple[Ticket, ...]], None],
        adopt: Callable[[Ticket], Awaitable[None]],
        hear: Callable[[News], None],
    ) -> None:
        self._queue = queue
        self._backlog = backlog
        self._placement = placement
        self._languages = languages
        self._run_stolen = run_stolen
        self._adopt = adopt
        self._hear_other = hear
        self._reservations = count()
        self._has_rumour = False  # somebody may have more than it can do
        self._should_look = asyncio.Event()

    async def take_over(self) -> None:
        """Renew this node's lease, and take over from those who did not."""
        tickets = await self._queue.take_over(self._languages())
        if tickets:
            log.info("took over submissions that a node left unfinished", count=len(tickets))
        for ticket in tickets:
            await self._adopt(ticket)

    async def live(self) -> None:
        """Do all that, until cancelled."""
        if self._queue.is_shared:
            async with asyncio.TaskGroup() as group:
                for work in (self._beat(), self._listen(), self._steal_for_ever()):
                    group.create_task(work)

    def look_for_work(self) -> None:
        """A slot is free: see whether other nodes have more than they can do, if there is reason to think so."""
        if self._has_rumour and self._free() > 0:
            self._should_look.set()

    def _free(self) -> int:
        """How many slots of this node nobody has or waits for."""
        return self._placement.free_here() - self._backlog.waiting

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                await self.take_over()
            except StoreUnavailable as error:
                log.warning("could not renew the lease", reason=str(error.__cause__))
            self._has_rumour = True
            self.look_for_work()

    async def _listen(self) -> None:
        while True:
            try:
                await self._queue.listen(self._hear)
            except StoreUnavailable as error:
                log.warning("cannot hear other nodes", reason=str(error.__cause__))
                await asyncio.sleep(BEAT_SECONDS)

    def _hear(self, news: News) -> None:
        if news.kind is NewsKind.QUEUED:
            self._has_rumour = True
            self.look_for_work()
        else:
            self._hear_other(news)

    async def _steal_for_ever(self) -> None:
        while True:
            await self._should_look.wait()
            self._should_look.clear()
            try:
                await self._steal()
            except StoreUnavailable as error:
                log.warning("could not look for work of other nodes", reason=str(error.__cause__))

    async def _steal(self) -> None:
        """Fill the free slots with work of other nodes."""
        reserved = [f"reserved-{next(self._reservations)}" for _ in range(self._free())]
        reserved = [slot for slot in reserved if self._placement.reserve_here(slot)]
        self._has_rumour = False
        tickets: tuple[Ticket, ...] = ()
        try:
            if reserved:
                tickets = await self._queue.steal(self._languages(), len(reserved))
        finally:
            # Nothing is awaited until those claimed have the slots that were kept back for them.
            for slot in reserved:
                self._placement.leave(slot)
            self._has_rumour = self._has_rumour or bool(tickets)
            self._run_stolen(tickets)
