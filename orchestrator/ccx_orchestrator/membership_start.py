"""How a node comes to its place in a cluster as it starts: as a master that signs for itself, by the certificate it
has, or by a join token. A node without any of these is in no such cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from ccx.errors import BadInput
from ccx_orchestrator.access.certificates import end_of, is_node_due
from ccx_orchestrator.access.registrar import Registrar, id_of, parse_join_token
from ccx_orchestrator.background import background
from ccx_orchestrator.local_access import open_access
from ccx_orchestrator.membership.enrolment import join
from ccx_orchestrator.membership.identity_files import IdentityFiles, Membership
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.settings import Settings


@asynccontextmanager
async def open_membership(settings: Settings) -> AsyncIterator[Member | None]:
    """The node's place, kept up to date for as long as the context lasts. Raises BadInput, or a master's refusal."""
    files = IdentityFiles(settings.state_dir / "cluster" / settings.name)
    async with AsyncExitStack() as stack:
        registrar = await _registrar(settings, stack)
        known = await asyncio.to_thread(files.load)
        if registrar is not None:
            known = await _as_master(registrar, settings, files, known)
        elif token := _token_to_use(settings, files, known):
            pair, trust = await join(settings.name, token, settings.join)
            known = Membership(trust=trust, masters=settings.join)
            await asyncio.to_thread(files.keep, pair, known)
        if known is None:
            yield None
            return
        _check_end(files)
        member = Member(files, known, registrar)
        await member.look()
        async with background(member.keep_for_ever(), "membership"):
            yield member


async def _registrar(settings: Settings, stack: AsyncExitStack) -> Registrar | None:
    """Of a node whose store has the cluster's authority."""
    if settings.database() == "memory:":
        return None
    records = (await stack.enter_async_context(open_access(settings))).cluster
    if not (await records.trusted()).authorities:
        return None
    return Registrar(records, settings.secret("cluster_key"), port=settings.cluster_port)


async def _as_master(
    registrar: Registrar, settings: Settings, files: IdentityFiles, known: Membership | None
) -> Membership:
    trust = await registrar.trust()
    before = files.peer() if known else None
    oldest = trust.authorities[0].encode()
    if before is None or is_node_due(files.certificate_text(), oldest, datetime.now(UTC)):
        pair, trust = await registrar.own(settings.name, before)
        known = Membership(trust=trust)
        await asyncio.to_thread(files.keep, pair, known)
    else:
        known = Membership(trust=trust)
        await asyncio.to_thread(files.note, known)
    return known


def _token_to_use(settings: Settings, files: IdentityFiles, known: Membership | None) -> str | None:
    """The join token, where it is needed: the node never joined, joined another cluster, or its certificate ended."""
    token = settings.secret("join_token")
    if token is None or known is None:
        return token
    wanted = parse_join_token(token)[1]
    is_ours = not wanted or wanted in {id_of(authority) for authority in known.trust.authorities}
    return token if not is_ours or _has_ended(files) else None


def _check_end(files: IdentityFiles) -> None:
    if _has_ended(files):
        raise BadInput(
            f"This node's certificate in its cluster has ended: it was not running, or reached no master, for weeks."
            f" Join anew, by what 'ccx cluster join-command' on a master prints, or remove {files.folder}."
        )


def _has_ended(files: IdentityFiles) -> bool:
    return end_of(files.certificate_text()) <= datetime.now(UTC)
