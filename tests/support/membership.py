"""A cluster whose nodes have certificates, in memory: its registrar, and places of nodes in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ccx.wire import JoinRequest, JoinTokenRequest, NodeRole
from ccx_orchestrator.access.certificates import KeyPair, make_request
from ccx_orchestrator.access.registrar import Registrar
from ccx_orchestrator.membership.identity_files import IdentityFiles, Membership
from ccx_orchestrator.membership.member import Member
from ccx_orchestrator.store.memory_cluster_records import MemoryClusterRecords
from ccx_orchestrator.submissions.clock import utc_now


async def new_cluster(clock: Callable[[], datetime] = utc_now) -> Registrar:
    registrar = Registrar(MemoryClusterRecords(), clock=clock)
    await registrar.init("test")
    return registrar


async def joined(registrar: Registrar, folder: Path, name: str, role: NodeRole = NodeRole.SLAVE) -> Member:
    """A node that has joined by a token, with its files in that folder."""
    token = await registrar.make_join_token(JoinTokenRequest(role=role))
    asked = make_request(name)
    request = JoinRequest(token=token.token, name=name, request=asked.certificate.decode())
    answer = await registrar.join(request, "127.0.0.1")
    files, known = IdentityFiles(folder), Membership(trust=answer.trust)
    files.keep(KeyPair(answer.certificate.encode(), asked.key), known)
    return Member(files, known)


async def of_master(registrar: Registrar, folder: Path, name: str) -> Member:
    """A master that signs for itself."""
    pair, trust = await registrar.own(name, None)
    files, known = IdentityFiles(folder), Membership(trust=trust)
    files.keep(pair, known)
    return Member(files, known, registrar)
