"""Sandboxes started before they are needed: idle, ready, attached, each for one use. What to start and what to let go
is decided by `domain.stocking`; here it is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from ccx.errors import CcxError, EngineUnavailable
from ccx.wire import PoolHealth
from ccx_orchestrator.background import background
from ccx_orchestrator.docker_host.engine.client import Engine
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.sandboxes.hardening import USUAL, Runtime, SandboxSpec
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandbox, Sandboxes
from ccx_orchestrator.docker_host.sandboxes.sandbox_spec import can_serve, standing_spec
from ccx_orchestrator.domain.stocking import REST_SECONDS, Discard, Fate, Policy, Shelf, Start, Stock
from ccx_orchestrator.ports.execution import SandboxLost

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0  # between two looks at whether an image was built again, and at what has aged
SHORTEST_SLEEP_SECONDS = 0.01


@dataclass(slots=True)
class Counters:
    """What happened to one language's sandboxes since the node began."""

    warm: int = 0  # submissions that got one started ahead
    cold: int = 0  # submissions that had to start their own
    started: int = 0
    failed: int = 0
    lost: int = 0  # ended by themselves while idle
    discarded: int = 0
    last_failure: str | None = None


@dataclass(slots=True)
class _Entry:
    """One sandbox of the pool, from its start on."""

    language: str
    sandbox: asyncio.Future[Sandbox]
    starting: asyncio.Task[None] | None = field(default=None)


class Pool:
    """Gives each submission a sandbox that was started ahead, or one started for it where there is none.

    All books are kept between two awaits, on one event loop. Owns the tasks it starts and the idle sandboxes until
    `keep_filled` ends.
    """

    def __init__(
        self,
        engine: Engine,
        sandboxes: Sandboxes,
        languages: Languages,
        stock: Stock,
        runtimes: Mapping[str, Runtime] | None = None,
    ) -> None:
        """`runtimes`: the engine's runtime for each language that has not its default one."""
        self._engine = engine
        self._sandboxes = sandboxes
        self._languages = languages
        self._stock = stock
        self._runtimes = runtimes or {}
        self._entries: dict[int, _Entry] = {}
        self._specs: dict[str, SandboxSpec] = {}
        self._news = asyncio.Event()
        self._clock: Callable[[], float] = time.monotonic
        self.counters = {language.name: Counters() for language in languages.all()}

    @asynccontextmanager
    async def open(self, spec: SandboxSpec, submission: str) -> AsyncIterator[Sandbox]:
        """See `executor.Source`."""
        sandbox = await self._take(spec)
        if sandbox is None:
            async with self._cold(spec, submission) as sandbox:
                yield sandbox
            return
        try:
            async with self._use(sandbox):
                yield sandbox
        finally:
            self._stock.finished(self._clock())
            self._news.set()

    @asynccontextmanager
    async def _use(self, sandbox: Sandbox) -> AsyncIterator[None]:
        """The one use of a sandbox. Where it ends well, nothing of the submission is alive and the container is removed
        in the background. Where it does not, the container is gone with the context.
        """
        try:
            yield
        except BaseException:
            await asyncio.shield(self._sandboxes.discard(sandbox))
            raise
        self._sandboxes.discard(sandbox, REST_SECONDS)

    @asynccontextmanager
    async def keep_filled(self) -> AsyncIterator[None]:
        """Fill the shelves, and keep them so for as long as the context lasts. At its end nothing idle is left."""
        self._specs = {language.name: self._spec(language.name, language.image) for language in self._languages.all()}
        try:
            async with background(self._keep_filled(), "pool"):
                yield
        finally:
            await self._empty()

    def health(self) -> tuple[PoolHealth, ...]:
        """How each shelf stands."""
        return tuple(self._health(language, counters) for language, counters in sorted(self.counters.items()))

    def _health(self, language: str, counters: Counters) -> PoolHealth:
        idle, starting, target = self._stock.count(language)
        return PoolHealth(
            language=language,
            idle=idle,
            starting=starting,
            target=target,
            warm=counters.warm,
            cold=counters.cold,
            error=counters.last_failure,
        )

    async def _take(self, spec: SandboxSpec) -> Sandbox | None:
        """One that is there or on its way, out of the books from now on; None: there is none for this spec."""
        standing = self._specs.get(spec.language)
        if standing is None or not can_serve(standing, spec):
            return None
        while (key := self._stock.take(spec.language, self._clock())) is not None:
            self._news.set()
            sandbox = await self._receive(key)
            if sandbox is not None and sandbox.link.is_well:
                sandbox.link.watch(None)
                self.counters[spec.language].warm += 1
                return sandbox
            self._stock.finished(self._clock())
            if sandbox is not None:
                self._sandboxes.discard(sandbox)
        return None

    async def _receive(self, key: int) -> Sandbox | None:
        """The sandbox of a key that was taken, when it is ready; None where its start failed."""
        entry = self._entries[key]
        if entry.sandbox.done():
            return self._entries.pop(key).sandbox.result()
        try:
            return await asyncio.shield(entry.sandbox)
        except (CcxError, SandboxLost):
            return None
        except asyncio.CancelledError:
            # Nobody will use it: it goes as soon as it is ready.
            entry.sandbox.add_done_callback(self._discard_result)
            self._stock.finished(self._clock())
            raise

    @asynccontextmanager
    async def _cold(self, spec: SandboxSpec, submission: str) -> AsyncIterator[Sandbox]:
        self._stock.cold_began()
        try:
            sandbox = await self._sandboxes.make(spec, submission)
        finally:
            self._stock.cold_ended()
            self._news.set()
        self._stock.is_well(spec.language)
        if counters := self.counters.get(spec.language):
            counters.cold += 1
        async with self._use(sandbox):
            yield sandbox

    async def _keep_filled(self) -> None:
        looked_at = self._clock()
        while True:
            self._news.clear()
            now = self._clock()
            self._carry_out(self._stock.decide(now))
            due = min(self._stock.due(now) or LOOK_SECONDS, looked_at + LOOK_SECONDS - now)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(due, SHORTEST_SLEEP_SECONDS)):
                    await self._news.wait()
            if self._clock() >= looked_at + LOOK_SECONDS:
                await self._look_at_images()
                looked_at = self._clock()

    async def _look_at_images(self) -> None:
        for language in self._specs:
            try:
                has_changed = await self._languages.refresh(self._engine, language)
            except EngineUnavailable:
                return  # whoever starts something will tell
            if has_changed:
                self._follow_image(language)

    def _follow_image(self, language: str) -> None:
        image = self._languages.image(language)
        if image.id != self._specs[language].image:
            log.info("image was built again: sandboxes of the old one are replaced", language=language, image=image.id)
            self._specs[language] = self._spec(language, image.id)
            self._carry_out(self._stock.outdate(language))

    def _spec(self, language: str, image: str) -> SandboxSpec:
        return standing_spec(self._languages.find(language), image, self._runtimes.get(language, USUAL))

    def _carry_out(self, decisions: list[Start | Discard] | list[Discard]) -> None:
        for decision in decisions:
            match decision:
                case Start(key, language):
                    entry = _Entry(language, asyncio.get_running_loop().create_future())
                    self._entries[key] = entry
                    entry.starting = asyncio.create_task(self._start(key, entry), name=f"pool start {key} {language}")
                case Discard(key):
                    entry = self._entries.pop(key)
                    self.counters[entry.language].discarded += 1
                    self._discard_result(entry.sandbox)

    def _discard_result(self, sandbox: asyncio.Future[Sandbox]) -> None:
        if not sandbox.cancelled() and sandbox.exception() is None:
            self._sandboxes.discard(sandbox.result())

    async def _start(self, key: int, entry: _Entry) -> None:
        counters = self.counters[entry.language]
        try:
            sandbox = await self._sandboxes.make(self._specs[entry.language])
        except (CcxError, SandboxLost) as error:
            pause = self._stock.failed(key, self._clock())
            counters.failed += 1
            self._tell_failure(entry.language, str(error), pause)
            entry.sandbox.set_exception(error)
            entry.sandbox.exception()  # looked at: that nobody waits for it is no fault
            self._entries.pop(key, None)
        else:
            counters.started += 1
            if counters.last_failure is not None:
                log.info("sandboxes can be started again", language=entry.language)
                counters.last_failure = None
            self._shelve(key, entry, sandbox)
        finally:
            self._news.set()

    def _shelve(self, key: int, entry: _Entry, sandbox: Sandbox) -> None:
        match self._stock.ready(key, self._clock()):
            case Fate.IDLE:
                entry.sandbox.set_result(sandbox)
                sandbox.link.watch(lambda: self._lose(key))
            case Fate.PROMISED:
                self._entries.pop(key)
                entry.sandbox.set_result(sandbox)
            case Fate.UNWANTED:
                self._entries.pop(key, None)
                self._sandboxes.discard(sandbox)

    def _lose(self, key: int) -> None:
        """An idle sandbox has ended by itself: the engine is gone, or somebody removed it."""
        if self._stock.lost(key):
            entry = self._entries.pop(key)
            self.counters[entry.language].lost += 1
            log.warning("an idle sandbox ended by itself", language=entry.language)
            self._discard_result(entry.sandbox)
            self._news.set()

    def _tell_failure(self, language: str, reason: str, pause: float) -> None:
        counters = self.counters[language]
        if counters.last_failure != reason:
            log.warning("no sandbox could be started ahead", language=language, reason=reason, retry_seconds=pause)
        counters.last_failure = reason

    async def _empty(self) -> None:
        """First nothing new, then what is idle, then what was still being started. Removals end with the sandboxes'
        own `drain`.
        """
        self._carry_out(self._stock.close())
        starting = [entry.starting for entry in self._entries.values() if entry.starting is not None]
        if starting:
            await asyncio.wait(starting)


def stock_for(
    languages: Languages, runtimes: Mapping[str, Runtime], minimum: int, maximum: int, policy: Policy
) -> Stock:
    """The books for all languages of a node, each with the same bounds."""
    shelves = []
    for language in languages.all():
        runtime = runtimes.get(language.name, USUAL)
        spec = standing_spec(languages.find(language.name), language.image, runtime)
        shelves.append(Shelf(language.name, minimum, maximum, spec.memory_bytes))
    return Stock(shelves, policy)
