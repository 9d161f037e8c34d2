"""The composition root: the one place that knows every part of a node."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import platformdirs
import psutil
import structlog
from fastapi import FastAPI

from ccx.errors import EngineUnavailable
from ccx.wire import Announcement, PoolHealth
from ccx_orchestrator.access.doorkeeper import Doorkeeper
from ccx_orchestrator.access.hosts import KnownHosts
from ccx_orchestrator.access.origins import KnownOrigins
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.background import background
from ccx_orchestrator.callbacks.caller import HttpCaller
from ccx_orchestrator.callbacks.delivery import Callbacks
from ccx_orchestrator.cluster.catalogue import ClusterCatalogue
from ccx_orchestrator.cluster.dispatcher import Dispatcher
from ccx_orchestrator.cluster.no_executor import NoExecutor
from ccx_orchestrator.cluster.overview import Cluster, ThisNode
from ccx_orchestrator.cluster.roster import Roster
from ccx_orchestrator.dashboard.page import open_page
from ccx_orchestrator.docker_host.checks.proven_runtimes import ProvenRuntimes
from ccx_orchestrator.docker_host.checks.runtime_choice import Examination, choose_runtimes
from ccx_orchestrator.docker_host.engine.capabilities import check_limits
from ccx_orchestrator.docker_host.engine.client import Engine, open_engine
from ccx_orchestrator.docker_host.execution.executor import DockerExecutor
from ccx_orchestrator.docker_host.janitor import Janitor, this_process
from ccx_orchestrator.docker_host.languages.catalogue import Languages
from ccx_orchestrator.docker_host.pool import Pool, stock_for
from ccx_orchestrator.docker_host.sandboxes.hardening import Owner, Runtime
from ccx_orchestrator.docker_host.sandboxes.lifecycle import Sandboxes
from ccx_orchestrator.domain.dispatch import Capacity, Dispatch
from ccx_orchestrator.domain.limits import Limits
from ccx_orchestrator.domain.scheduling import Backlog
from ccx_orchestrator.domain.stocking import Policy
from ccx_orchestrator.domain.unserved_lanes import UnservedLanes
from ccx_orchestrator.doors import callback_forms, open_doors
from ccx_orchestrator.machine import LocalMachine
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.metrics import Metrics
from ccx_orchestrator.ports.callbacks import Outbox
from ccx_orchestrator.ports.execution import Executor
from ccx_orchestrator.ports.metering import Meter
from ccx_orchestrator.ports.nodes import NodeLink, Peers
from ccx_orchestrator.ports.store import Keeper
from ccx_orchestrator.ports.tokens import Tokens
from ccx_orchestrator.settings import Settings
from ccx_orchestrator.slave_link.announcement import announcing
from ccx_orchestrator.slave_link.dns_discovery import check_name, resolve
from ccx_orchestrator.slave_link.link import NodeIdentity, SlaveLink
from ccx_orchestrator.slave_link.peers import PeerLink
from ccx_orchestrator.store.memory import MemoryStore
from ccx_orchestrator.submissions.admission_policy import AdmissionPolicy
from ccx_orchestrator.submissions.clock import utc_now
from ccx_orchestrator.submissions.service import Submissions
from ccx_orchestrator.tracing import traced

log = structlog.get_logger(__name__)

# How long, and how much of, what a master has sent is kept after its end: it asks again for what it did not hear of for
# half a minute at most, and keeps it itself.
PASSING_SECONDS = 120.0
PASSING_BYTES = 64 * 1024 * 1024


class AnyStore(Keeper, Outbox, Protocol):
    """All that every store is."""

    @property
    def tokens(self) -> Tokens:
        """Those who may come in."""


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that is up."""

    app: FastAPI
    languages: Languages
    runtimes: Mapping[str, Runtime]
    submissions: Submissions
    settings: Settings
    identity: NodeIdentity

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """Masters that it was told to join know of it for as long as the context lasts."""
        settings = self.settings
        port, is_encrypted = way_in(settings, self.identity.member)
        encrypted = {"is_encrypted": True} if is_encrypted else {}  # older masters do not know the word
        announcement = Announcement(url=settings.advertise, port=port, **encrypted)
        async with announcing(settings.name, announcement, settings.join, self.identity):
            yield

    async def drain(self) -> bool:
        """Take nothing new and see what runs to its end; whether nobody's submission had to be cut short."""
        return await self.submissions.drain(self.settings.shutdown_seconds)


@asynccontextmanager
async def open_node(
    settings: Settings, authority: Callable[[], bytes | None] | None = None, member: Member | None = None
) -> AsyncIterator[RunningNode]:
    """A node, from its engine to its application, for as long as the context lasts. The ports in `settings` are those
    it listens on, `authority` tells the certificate, in PEM, that its own is signed with, where that is no other's.
    `member` is its place in a cluster whose nodes have certificates.

    Raises EngineUnavailable, UnknownLanguage, ImageMissing, BadLanguageFolder or BadRuntime, each with its remedy.
    """
    for name in settings.slave_dns:
        check_name(name)
    async with _open_executor(settings) as here, _open_store(settings, member) as store:
        metrics = Metrics(by_owner=settings.locks.asks_for_tokens and "metrics" not in settings.public)
        with traced(metrics, settings.name, is_wanted=settings.traces) as meter:
            parts = _connect(settings, here, store, meter, member)
            submissions, cluster = parts.submissions, parts.cluster
            metrics.watch(submissions.backlog, submissions)
            metrics.watch_pool(here.pool)
            tokens = store.tokens if settings.locks.asks_for_tokens else None
            node = Node(
                settings.name,
                submissions,
                parts.catalogue,
                settings.max_body_bytes,
                metrics.page,
                here.pool,
                cluster,
                doorkeeper=Doorkeeper(
                    tokens, settings.anonymous, settings.public, member.is_revoked if member else None
                ),
                desk=TokenDesk(tokens) if tokens else None,
                registrar=member.registrar if member else None,
                posture=settings.locks.posture(),
                authority=authority or _no_authority,
                hosts=KnownHosts.of(*names_of_node(settings)),
                origins=KnownOrigins(settings.origins),
                read_seconds=settings.read_seconds,
            )
            try:
                async with (
                    submissions.at_work(),
                    _callbacks(settings, store, meter, node),
                    _cluster_at_work(settings, parts),
                ):
                    app = create_app(node)
                    async with open_doors(app, node, settings.doors):
                        open_page(app)
                        yield RunningNode(app, here.languages, here.runtimes, submissions, settings, parts.identity)
            finally:
                await submissions.drain(0)  # a no-op where the node was drained in good order


def _no_authority() -> None:
    """A node without TLS, or with a certificate that somebody else signed."""


def names_of_node(settings: Settings) -> tuple[str, ...]:
    """By which names this node is reached, as far as it can know."""
    advertised = urlsplit(settings.advertise).netloc if settings.advertise else ""
    return (*settings.hosts, settings.name, settings.host, advertised, socket.gethostname())


def way_in(settings: Settings, member: Member | None) -> tuple[int, bool]:
    """At which port other nodes reach this one, and whether by TLS."""
    return (settings.cluster_port, True) if member else (settings.port, settings.locks.has_tls)


@dataclass(frozen=True, slots=True)
class _Here:
    """What a node runs itself, and how."""

    languages: Languages
    executor: Executor
    runtimes: Mapping[str, Runtime] = field(default_factory=dict)
    pool: Callable[[], tuple[PoolHealth, ...]] = tuple


@asynccontextmanager
async def _open_executor(settings: Settings) -> AsyncIterator[_Here]:
    """A node that runs nothing itself needs no Docker engine."""
    if settings.languages == ():
        yield _Here(
            await asyncio.to_thread(Languages.without_images, settings.images_dir, settings.limits), NoExecutor()
        )
        return
    async with open_engine() as engine:
        about = await engine.about()
        check_limits(about)
        languages = await Languages.find_images(engine, settings.images_dir, settings.languages, settings.limits)
        proven = ProvenRuntimes(platformdirs.user_cache_path("ccx") / "runtimes.json", about)
        runtimes = await choose_runtimes(
            Examination(engine, languages, settings.images_dir, settings.name, proven),
            about,
            languages,
            settings.runtime,
            settings.runtimes,
            may_take_long=settings.pool,  # a node without one serves a single command
        )
        async with (
            _open_sandboxes(engine, settings.name) as sandboxes,
            _open_pool(engine, sandboxes, languages, runtimes, settings) as pool,
        ):
            executor = DockerExecutor(engine, pool or sandboxes, languages, settings.name, runtimes)
            yield _Here(languages, executor, runtimes, pool.health if pool else tuple)


@dataclass(frozen=True, slots=True)
class _Parts:
    """A node's use cases."""

    submissions: Submissions
    catalogue: ClusterCatalogue
    roster: Roster
    cluster: Cluster
    identity: NodeIdentity


def _connect(settings: Settings, here: _Here, store: Keeper, meter: Meter, member: Member | None) -> _Parts:
    this = ThisNode(settings.name, uuid4().hex, utc_now())
    identity = NodeIdentity(this.incarnation, member)
    links: dict[str, NodeLink] = {}
    capacity = Capacity(settings.max_tasks, 0, frozenset(here.languages.names()))
    dispatcher = Dispatcher(Dispatch(capacity), here.executor, links, UnservedLanes(settings.unserved_seconds))

    def default_of(name: str) -> Limits | None:
        language = here.languages.described(name)
        return language.limits.default if language else None

    def open_link(url: str, name: str | None) -> NodeLink:
        return SlaveLink(url, identity, name)

    roster = Roster(dispatcher, open_link, links, this.incarnation, utc_now, default_of=default_of)
    catalogue = ClusterCatalogue(
        here.languages,
        here.languages.described,
        lambda: [member.report for member in roster.members() if member.report],
        lambda: settings.is_cluster or bool(roster.members()),
        here.languages.all_described,
    )
    submissions = _submissions(settings, store, dispatcher, catalogue, meter, PeerLink(identity))
    dispatcher.on_room = submissions.start_waiting
    cluster = Cluster(this, submissions, here.languages, dispatcher, roster, LocalMachine(), member)
    return _Parts(submissions, catalogue, roster, cluster, identity)


@asynccontextmanager
async def _cluster_at_work(settings: Settings, parts: _Parts) -> AsyncIterator[None]:
    """What goes on because there are other nodes, for as long as the context lasts."""
    async with (
        background(parts.cluster.leases.look_for_ever(), "leases"),
        background(parts.cluster.look_at_waiting_for_ever(), "waiting"),
        parts.roster.at_work(
            settings.slaves, settings.slave_dns, partial(resolve, is_encrypted=parts.identity.member is not None)
        ),
    ):
        yield


def _submissions(
    settings: Settings,
    store: Keeper,
    dispatcher: Dispatcher,
    catalogue: ClusterCatalogue,
    meter: Meter,
    peers: Peers,
) -> Submissions:
    backlog = Backlog(settings.queue_bound, settings.queue_bound_bytes)
    policy = AdmissionPolicy(
        settings.max_attempts, settings.highest_priority, takes_callbacks=bool(settings.secret("callback_secret"))
    )
    return Submissions(
        store,
        dispatcher,
        catalogue,
        backlog,
        policy=policy,
        meter=meter,
        passing=MemoryStore(max_finished_bytes=PASSING_BYTES, max_seconds=PASSING_SECONDS),
        peers=peers,
    )


@asynccontextmanager
async def _callbacks(settings: Settings, store: AnyStore, meter: Meter, node: Node) -> AsyncIterator[None]:
    """Callbacks are made, where there is a secret to sign them with, for as long as the context lasts."""
    if (key := settings.secret("callback_secret")) is None:
        yield
        return
    secret = key.encode()
    async with HttpCaller(secret, allows_private=settings.callback_private_addresses) as caller:
        callbacks = Callbacks(store, store, caller, utc_now, meter, callback_forms(node))
        async with background(callbacks.make_for_ever(), "callbacks"):
            yield


@asynccontextmanager
async def _open_store(settings: Settings, member: Member | None) -> AsyncIterator[AnyStore]:
    """The store that the settings name. Raises BadDatabase."""
    url = settings.database()
    if url == "memory:":
        yield MemoryStore()
        return
    # Only now: `ccx run` without a server has no use for a database, and these take a while to import.
    from ccx_orchestrator.store.postgres import open_postgres
    from ccx_orchestrator.store.retention import Retention
    from ccx_orchestrator.store.sqlite import open_sqlite

    owner = uuid4().hex
    async with AsyncExitStack() as stack:
        if url is None:
            path = settings.state_dir / f"{settings.name}.sqlite"
            store = await stack.enter_async_context(open_sqlite(path, owner, settings.sqlite_synchronous))
        else:
            port, is_encrypted = way_in(settings, member)
            shared = open_postgres(
                url,
                owner,
                settings.name,
                settings.lease_seconds,
                settings.reached_at(port, is_encrypted=is_encrypted),
                port,
                is_encrypted=is_encrypted,
            )
            store = await stack.enter_async_context(shared)
        retention = Retention(store, settings.retention_seconds, settings.retention_count, utc_now)
        await stack.enter_async_context(background(retention.forget_for_ever(), "retention"))
        yield store


@asynccontextmanager
async def _open_pool(
    engine: Engine, sandboxes: Sandboxes, languages: Languages, runtimes: dict[str, Runtime], settings: Settings
) -> AsyncIterator[Pool | None]:
    """The pool, filling itself from now on, unless the settings say that there is none."""
    if not settings.pool:
        yield None
        return
    budget = settings.pool_memory_bytes
    if budget is None:
        budget = (await asyncio.to_thread(psutil.virtual_memory)).total // 4
    policy = Policy(
        memory_bytes=budget,
        starts_at_once=settings.pool_starts_at_once,
        idle_seconds=settings.pool_idle_seconds,
    )
    maximum = max(settings.pool_minimum, settings.pool_maximum)
    stock = stock_for(languages, runtimes, settings.pool_minimum, maximum, policy)
    pool = Pool(engine, sandboxes, languages, stock, runtimes)
    async with pool.keep_filled():
        yield pool


@asynccontextmanager
async def _open_sandboxes(engine: Engine, name: str) -> AsyncIterator[Sandboxes]:
    """Sandboxes of a node, swept before, meanwhile and after."""
    owner = Owner(name, await asyncio.to_thread(this_process))
    sandboxes = Sandboxes(engine, owner)
    janitor = Janitor(engine, owner, sandboxes)
    await janitor.sweep()
    try:
        async with background(janitor.sweep_for_ever(), "janitor"):
            yield sandboxes
    finally:
        await sandboxes.drain()
        with suppress(EngineUnavailable):
            await janitor.sweep()  # what could not be removed while the engine was away
