"""The executor of a node that has others to send work to: it runs a submission where `domain.dispatch` says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

import structlog

from ccx.errors import CcxError, EngineUnavailable, ImageMissing
from ccx_orchestrator.domain.dispatch import HERE, Capacity, Dispatch, Lane
from ccx_orchestrator.domain.events import Event, Finished, Restarted
from ccx_orchestrator.domain.plan import Plan
from ccx_orchestrator.domain.unserved_lanes import UnservedLanes
from ccx_orchestrator.ports.execution import Controls, Emit, Executor, SandboxLost
from ccx_orchestrator.ports.nodes import LanguageLacking, NodeFull, NodeLink, NodeLost

log = structlog.get_logger(__name__)

MAX_TRIES = 5  # a submission that takes node after node with it is not tried for ever


class NoNodeServes(CcxError):
    """No node that has the language was there for as long as a submission waits for one."""


@dataclass(frozen=True, slots=True)
class _Displaced:
    """A submission that lost its place and waits for another. Those go before all that have not run yet."""

    submission_id: str
    lane: Lane
    place: asyncio.Future[str]


class Dispatcher:
    """Runs plans here and on other nodes, each once at a time; again elsewhere where a node is lost.

    Implements `ports.Dispatching`, and hears of nodes from the roster. `links` are the ways to the
    nodes, by name. `on_room` is called whenever there may be room that was not there before.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        here: Executor,
        links: Mapping[str, NodeLink],
        patience: UnservedLanes,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._dispatch = dispatch
        self._here = here
        self._links = links
        self._patience = patience
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._displaced: list[_Displaced] = []
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self.on_room: Callable[[], None] = lambda: None

    # Placement

    def reserve(self, submission_id: str, lane: Lane) -> bool:
        """See `ports.Placement`."""
        if self._dispatch.place(submission_id, lane, self._clock()) is None:
            return False
        self._lanes[submission_id] = lane
        return True

    def has_room(self, lane: Lane) -> bool:
        """See `ports.Placement`."""
        return self._dispatch.has_room(lane, self._clock())

    @property
    def slots(self) -> int:
        """See `ports.Placement`."""
        return self._dispatch.slots_here

    def reserve_here(self, submission_id: str) -> bool:
        """See `ports.Placement`."""
        return self._dispatch.place_here(submission_id, self._clock())

    def free_here(self) -> int:
        """See `ports.Placement`."""
        return self._dispatch.free_here(self._clock())

    def leave(self, submission_id: str) -> None:
        """See `ports.Placement`."""
        self._lanes.pop(submission_id, None)
        self._dispatch.leave(submission_id, self._clock(), went_well=False)
        self._replace()

    def count_elsewhere(self) -> int:
        """See `ports.Placement`."""
        return self._dispatch.elsewhere

    def at(self, node: str) -> tuple[str, ...]:
        """The submissions that have their place on that node."""
        return self._dispatch.at(node)

    # What the roster tells

    def hear(self, node: str, capacity: Capacity) -> None:
        """A node has told of itself."""
        self._dispatch.hear(node, capacity, self._clock())
        self.look_again()

    def look_again(self) -> None:
        """There may be room by time alone: the pause after failures is over. To be called every second or so."""
        self._replace()
        self.on_room()

    def unreached(self, node: str) -> None:
        """A node did not answer."""
        self._dispatch.unreached(node)

    def lose(self, node: str) -> None:
        """A node is gone: what ran there runs elsewhere."""
        for submission_id in self._dispatch.lose(node):
            if task := self._under_way.get(submission_id):
                task.cancel()

    def overdue(self, waiting: Iterable[Lane]) -> tuple[Lane, ...]:
        """Of the lanes that somebody waits in, those that no node has served for too long. Who has lost a place there
        is told so; to be called every second or so.
        """
        lanes = {*waiting, *(displaced.lane for displaced in self._displaced)}
        late = self._patience.overdue(lanes, self._dispatch.serves, self._clock())
        for displaced in self._displaced:
            if displaced.lane in late and not displaced.place.done():
                displaced.place.set_exception(NoNodeServes(self.explanation(displaced.lane)))
        return late

    def explanation(self, lane: Lane) -> str:
        """Why a submission of an overdue lane has to end."""
        what = " and ".join(lane.languages) + (" with these limits" if lane.limits else "")
        return f"No node that serves {what} was there for {self._patience.seconds:g} s."

    # Running

    async def check(self) -> None:
        """See `ports.Executor`. Where there are other nodes, this one's engine is not all there is."""
        if not self._links:
            await self._here.check()

    async def run(self, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None = None) -> None:
        """See `ports.Executor`.

        A program that is typed to is not run again: what was typed is gone.
        """
        lane = self._lanes.get(submission_id, Lane.of(plan))
        told = _Told(emit)
        failures = 0
        while True:
            node = await self._place_of(submission_id, lane)
            try:
                await self._try(node, submission_id, plan, told.emit, controls)
            except NodeFull:
                self._dispatch.full(node, submission_id)
            except LanguageLacking:
                self._dispatch.lacks(node, submission_id, lane, self._clock())
            except (NodeLost, EngineUnavailable, ImageMissing) as error:
                if told.is_finished:
                    break
                failures += 1
                self._note_failure(node, submission_id, failures, error)
                if node == HERE and (lane.is_forwarded or not self._links):
                    raise
                if controls is not None and told.is_any:
                    raise SandboxLost(f"its node was lost: {error}") from error
            else:
                break
            await told.void()
        self._dispatch.leave(submission_id, self._clock())

    async def _try(self, node: str, submission_id: str, plan: Plan, emit: Emit, controls: Controls | None) -> None:
        """One attempt. Raises NodeLost where the node is lost meanwhile."""
        if node == HERE:
            await self._here.run(submission_id, plan, emit, controls)
            return
        if (link := self._links.get(node)) is None:
            raise NodeLost("it has left")
        task = asyncio.create_task(link.run(submission_id, plan, emit, controls), name=f"{submission_id} on {node}")
        self._under_way[submission_id] = task
        try:
            await asyncio.wait({task})
        finally:
            del self._under_way[submission_id]
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if task.cancelled():
            raise NodeLost("it is gone")
        task.result()

    def _note_failure(self, node: str, submission_id: str, failures: int, error: Exception) -> None:
        """Count a try that came to nothing. Raises where there is no other to be made."""
        log.warning("a node failed", node=node or "here", submission=submission_id, reason=str(error))
        self._dispatch.fail(node, submission_id, self._clock())
        if isinstance(error, NodeLost):
            self._dispatch.unreached(node)  # until it is heard of again
        if failures >= MAX_TRIES:
            raise SandboxLost(f"{failures} tries came to nothing, the last because: {error}") from error

    async def _place_of(self, submission_id: str, lane: Lane) -> str:
        """The place it has, or else gets. Raises NoNodeServes."""
        place = self._dispatch.where(submission_id)
        if place is None:
            place = self._dispatch.place(submission_id, lane, self._clock())
        if place is not None:
            return place
        displaced = _Displaced(submission_id, lane, asyncio.get_running_loop().create_future())
        self._displaced.append(displaced)
        try:
            return await displaced.place
        finally:
            self._displaced.remove(displaced)

    def _replace(self) -> None:
        """Give those that lost their place another, where there is one now."""
        for displaced in self._displaced:
            if displaced.place.done():
                continue
            place = self._dispatch.place(displaced.submission_id, displaced.lane, self._clock())
            if place is not None:
                displaced.place.set_result(place)


@dataclass(slots=True)
class _Told:
    """What a submission's listeners have been told in this attempt."""

    to: Emit
    is_any: bool = False
    is_finished: bool = False

    async def emit(self, event: Event | Restarted) -> None:
        """Tell it."""
        self.is_any = True
        self.is_finished = isinstance(event, Finished)
        await self.to(event)

    async def void(self) -> None:
        """All of it is void now."""
        if self.is_any:
            self.is_any = False
            await self.to(Restarted())
