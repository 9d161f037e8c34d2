"""What the command line calls: serve a node, build images."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import Any

import structlog

from ccx_orchestrator import logs
from ccx_orchestrator.access.hosts import host_of
from ccx_orchestrator.access.posture import Posture
from ccx_orchestrator.api.node_port import NodePort
from ccx_orchestrator.bootstrap import RunningNode, names_of_node, open_node
from ccx_orchestrator.docker_host.checks.image_check import prove
from ccx_orchestrator.docker_host.engine.client import connect
from ccx_orchestrator.docker_host.image_builds.build import Workshop, build
from ccx_orchestrator.doctor.examination import examine
from ccx_orchestrator.domain.addresses import EVERYWHERE, url_of
from ccx_orchestrator.domain.language import Language
from ccx_orchestrator.doors.own_port import OwnPort
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.membership_start import open_membership
from ccx_orchestrator.serving import StopSignals, listen, new_loop, serving
from ccx_orchestrator.settings import Settings, load_settings
from ccx_orchestrator.tls import Certificate, certificate_of, describe, names_of_machine

log = structlog.get_logger(__name__)

EXIT_CUT_SHORT = 1
# Always the same: what one that was killed has left is cleared away by the next.
DOCTOR = "doctor"
# A node that examines its host keeps nothing, takes no part in a cluster or a shared database, and calls nobody.
ALONE = {
    "database_url": "memory:",
    **dict.fromkeys(("database_url_file", "callback_secret", "callback_secret_file"), None),
    **dict.fromkeys(("slaves", "slave_dns", "join"), ()),
}


def serve(
    max_tasks: int | None = None,
    name: str | None = None,
    host: str | None = None,
    port: int | None = None,
    languages: tuple[str, ...] | None = None,
    **of_cluster: object,
) -> int:
    """Run a node until Ctrl-C or SIGTERM; the exit status: 0, or 1 where submissions had to be cut short.

    What is None comes from the environment or ccx.toml. Raises a CcxError where the node cannot start.
    """
    settings = load_settings(
        in_current_directory=True,
        max_tasks=max_tasks,
        name=name,
        host=host,
        port=port,
        languages=languages,
        **of_cluster,
    )
    posture = settings.locks.posture()
    logs.set_up(settings.log_level)
    if posture is Posture.INSECURE:
        log.warning(
            "other machines reach this node without locks, as --insecure says",
            asks_for_tokens=settings.locks.asks_for_tokens,
            tls=settings.locks.has_tls,
        )
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    with ExitStack() as sockets:
        listening = sockets.enter_context(listen(settings.host, settings.port))
        own_ports = {
            door: sockets.enter_context(listen(settings.host, port)) for door, port in settings.doors_ports.items()
        }
        host, user_port = listening.getsockname()[:2]
        # Asks the DNS, which may be slow. A node that nobody reaches by name does without it.
        full_name = await asyncio.to_thread(socket.getfqdn)
        settings = settings.model_copy(update={"port": user_port, "hosts": (*settings.hosts, full_name)})
        bounds: dict[str, Any] = {"read_seconds": settings.read_seconds, "max_connections": settings.max_connections}
        async with AsyncExitStack() as doors:
            member = await doors.enter_async_context(open_membership(settings))
            for_nodes = _listen_for_nodes(settings, member, sockets)
            if for_nodes is not None:
                settings = settings.model_copy(update={"cluster_port": for_nodes.getsockname()[1]})
            files, context = await doors.enter_async_context(_certificate(settings, member))
            authority = files.authority_text if files else None
            node = await doors.enter_async_context(open_node(settings, authority, member))
            await doors.enter_async_context(serving(node.app, listening, tls=context, **bounds))
            for door, listening_door in own_ports.items():
                await doors.enter_async_context(serving(OwnPort(node.app, door), listening_door, tls=context, **bounds))
            if member is not None and for_nodes is not None:
                at_node_port = serving(NodePort(node.app), for_nodes, tls=member.for_callers(), **bounds)
                await doors.enter_async_context(at_node_port)
            signals = StopSignals()  # before anybody is told that there is something to stop
            _announce(node, url_of(host, user_port, is_encrypted=context is not None))
            for door, listening_door in own_ports.items():
                sys.stderr.write(f"ccx: {door} is on port {listening_door.getsockname()[1]}\n")
            if files and (told := describe(files)):
                sys.stderr.write(f"ccx: {told}\n")
            if member is not None:
                where = url_of(host, settings.cluster_port, is_encrypted=True)
                sys.stderr.write(f"ccx: nodes of the cluster call it on {where}; it is a {member.me.role.value}\n")
            async with node.joined():
                stopped_by = await signals.first
            log.info("stopping", signal=stopped_by.name, seconds=settings.shutdown_seconds)
            sys.stderr.write(_waiting_for(node))
            ended_clean = await _drained(node, signals)
    return 0 if ended_clean else EXIT_CUT_SHORT


def _listen_for_nodes(settings: Settings, member: Member | None, sockets: ExitStack) -> socket.socket | None:
    """The port for nodes with certificates, where this one is one of them. Raises CannotListen."""
    if member is None:
        return None
    listening = sockets.enter_context(listen(settings.host, settings.cluster_port, "cluster_port"))
    if member.registrar is not None:
        member.registrar.port = listening.getsockname()[1]
    return listening


def _announce(node: RunningNode, url: str) -> None:
    served = ", ".join(language.name for language in node.languages.all()) or "no language"
    settings = node.settings
    sys.stderr.write(
        f"ccx: node {settings.name!r} serves {served} with {settings.max_tasks} slots on {url} (Ctrl-C stops it)\n"
    )


@asynccontextmanager
async def _certificate(
    settings: Settings, member: Member | None
) -> AsyncIterator[tuple[Certificate | None, ssl.SSLContext | None]]:
    """What the node serves with, where it is to serve with TLS."""
    if not settings.locks.has_tls:
        yield None, None
        return
    names = dict.fromkeys((*(host_of(name) for name in names_of_node(settings)), *names_of_machine()))
    wanted = tuple(name for name in names if name and name not in EVERYWHERE)
    folder = settings.state_dir / "tls"
    of_cluster = member.authority if member is not None and member.registrar is not None else None
    async with certificate_of(folder, settings.name, wanted, settings.given_certificate, of_cluster) as found:
        yield found


def _waiting_for(node: RunningNode) -> str:
    """What a node that was told to stop waits for, in a sentence; nothing where there is nothing."""
    if not (running := node.submissions.running):
        return ""
    what = "1 submission that runs" if running == 1 else f"{running} submissions that run"
    return f"ccx: stopping; {what} may take {node.settings.shutdown_seconds:g} s more (Ctrl-C again ends it now)\n"


async def _drained(node: RunningNode, signals: StopSignals) -> bool:
    """Drain the node, until told to stop once more; whether nobody's submission had to be cut short."""
    drained = asyncio.ensure_future(node.drain())
    either: set[asyncio.Future[Any]] = {drained, signals.second}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if drained.done():
        return await drained
    drained.cancel()  # what still runs is ended as the node is closed
    await asyncio.wait({drained})
    return False


def doctor(report: Callable[[dict[str, str]], None]) -> None:
    """Examine this host; `report` gets each finding as it is made: name, status, detail, remedy. Raises BadSettings."""
    locks = load_settings().locks
    settings = load_settings(name=DOCTOR, host="127.0.0.1", access=False).model_copy(update=ALONE)
    logs.set_up("critical")  # what goes wrong is in the findings

    async def examine_all() -> None:
        async for finding in examine(settings, locks):
            report(finding.as_json())

    asyncio.run(examine_all())


def build_images(names: list[str], report: Callable[[str], None]) -> None:
    """Build the images of these languages, or of all; `report` gets a line at a time.

    Raises a CcxError where one cannot be built or does not do what its language promises.
    """
    settings = load_settings()
    logs.set_up(settings.log_level)

    def prove_image(language: Language, image: str) -> None:
        asyncio.run(prove(language, image, settings.images_dir))

    client = connect()
    try:
        build(names, Workshop(client, settings.images_dir, os.environ, prove_image, report))
    finally:
        client.close()
