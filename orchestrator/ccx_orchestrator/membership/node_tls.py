"""Mutual TLS between nodes. Contexts that follow what the node knows: a new certificate, a new authority or a revoked
node counts from the next connection on, without a restart.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ccx.wire import NodeRole, Trust
from ccx_orchestrator.access.peer import Peer, peer_of


@dataclass(frozen=True, slots=True)
class Expected:
    """Who has to be at the other end. None: any name, any role."""

    name: str | None = None
    role: NodeRole | None = None
    may_be_nobody: bool = False  # a node that has no certificate yet may come and ask for one


ANY_NODE = Expected()
A_MASTER = Expected(role=NodeRole.MASTER)
ANYBODY = Expected(may_be_nobody=True)


def refusal(peer: Peer | None, expected: Expected, trust: Trust) -> str | None:
    """Why this one must not be spoken to, although its certificate is of the cluster's authority. None: it may."""
    if peer is None:
        return None if expected.may_be_nobody else "its certificate is none of a node"
    if peer.enrolment in trust.revoked:
        return f"the node {peer.name!r} was revoked"
    if expected.name is not None and peer.name != expected.name:
        return f"its certificate is of the node {peer.name!r}, not of {expected.name!r}"
    if expected.role is not None and peer.role is not expected.role:
        return f"the node {peer.name!r} is a {peer.role.value}, not a {expected.role.value}"
    return None


class PeerRefused(ssl.SSLCertVerificationError):
    """The handshake went well, but it is not who it should be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.verify_message = reason
        self.verify_code = 0  # it was not OpenSSL


class _CheckedConnection(ssl.SSLObject):
    """Looks who is there as soon as that is known, before anything is said or heard."""

    check: Callable[[Peer | None], None]

    def do_handshake(self) -> None:
        """See `ssl.SSLObject`."""
        super().do_handshake()
        self.check(peer_of(self.getpeercert()))


class NodeContext(ssl.SSLContext):
    """Makes each connection by the context that is the newest then: to a context one can add, but take nothing away.
    Everything that asyncio, uvloop and anyio do with TLS begins with `wrap_bio`.

    `peer` is who was at the other end of the newest connection.
    """

    peer: Peer | None = None

    def __new__(cls, protocol: int, *_: object) -> Self:
        """See `ssl.SSLContext`."""
        return super().__new__(cls, protocol)

    def __init__(
        self, _: int, newest: Callable[[], ssl.SSLContext], refuses: Callable[[Peer | None], str | None]
    ) -> None:
        self._newest = newest
        self._refuses = refuses

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """See `ssl.SSLContext`."""
        made = self._newest().wrap_bio(*arguments, **options)
        if not isinstance(made, _CheckedConnection):
            raise TypeError("the context makes connections that are not checked")
        made.check = self._check
        return made

    def _check(self, peer: Peer | None) -> None:
        if reason := self._refuses(peer):
            raise PeerRefused(reason)
        self.peer = peer


def server_context(certificate: Path, trust: Trust) -> ssl.SSLContext:
    """For those who call this node. A node that joins has no certificate yet: the routes let it do nothing else."""
    return _context(ssl.PROTOCOL_TLS_SERVER, ssl.CERT_OPTIONAL, certificate, trust)


def client_context(certificate: Path, trust: Trust) -> ssl.SSLContext:
    """For calling others. Nodes are known by the names in their certificates, not by their addresses."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, ssl.CERT_REQUIRED, certificate, trust)


def joining_context(authority: str) -> ssl.SSLContext:
    """For a node without a certificate, which calls one whose authority it was told of."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, ssl.CERT_REQUIRED, None, Trust(revision=0, authorities=(authority,)))


def _context(protocol: int, mode: ssl.VerifyMode, certificate: Path | None, trust: Trust) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.sslobject_class = _CheckedConnection
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = mode
    context.load_verify_locations(cadata="".join(trust.authorities))
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context
