"""A node's place in its cluster, from its start to its end."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime

import structlog

from ccx.errors import CcxError
from ccx.wire import Trust
from ccx_orchestrator.access.certificates import KeyPair, end_of, is_node_due
from ccx_orchestrator.access.peer import Peer
from ccx_orchestrator.access.registrar import Registrar
from ccx_orchestrator.membership import enrolment
from ccx_orchestrator.membership.identity_files import IdentityFiles, Membership
from ccx_orchestrator.membership.node_tls import (
    A_MASTER,
    ANYBODY,
    Expected,
    NodeContext,
    client_context,
    refusal,
    server_context,
)

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0  # within which another process's changes of the store are noticed
AGAIN_SECONDS = 60.0  # between tries to renew a certificate, which has ten days left then


class Member:
    """Holds the certificate, and whom to trust. `registrar`: of a master, which signs for itself."""

    def __init__(self, files: IdentityFiles, known: Membership, registrar: Registrar | None = None) -> None:
        self._files = files
        self._known = known
        self.registrar = registrar
        self.me: Peer = files.peer()
        self._authority: KeyPair | None = None
        self._load()

    @property
    def trust(self) -> Trust:
        """Whom it trusts."""
        return self._known.trust

    def is_revoked(self, peer: Peer) -> bool:
        """Whether it is none of the cluster any more."""
        return peer.enrolment in self.trust.revoked

    def accept(self, trust: Trust) -> None:
        """A master, or the store, says whom to trust: that counts, if it is newer than what is known."""
        if trust.revision <= self.trust.revision or not trust.authorities:
            return
        self._known = self._known.model_copy(update={"trust": trust})
        self._files.note(self._known)
        self._load()
        log.info("whom to trust has changed", revision=trust.revision, revoked=len(trust.revoked))

    def for_callers(self) -> ssl.SSLContext:
        """For the port at which other nodes call."""
        return self._following(ssl.PROTOCOL_TLS_SERVER, ANYBODY)

    def for_calling(self, expected: Expected) -> NodeContext:
        """For calling others."""
        return self._following(ssl.PROTOCOL_TLS_CLIENT, expected)

    def authority(self) -> KeyPair:
        """The cluster's, which signs what this master shows to users. Only after a first `look`."""
        if self._authority is None:
            raise AssertionError("this node does not sign")
        return self._authority

    async def look(self) -> None:
        """Notice what the store says, where there is one. Raises CcxError."""
        if self.registrar is None:
            return
        await asyncio.to_thread(self.accept, await self.registrar.trust())
        if self._authority is None or self._authority.certificate.decode() != self.trust.authorities[0]:
            self._authority = await self.registrar.oldest()

    async def keep_for_ever(self) -> None:
        """Notice what the store says, and have a new certificate in time."""
        next_try = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self.look()
                if loop.time() >= next_try and self._is_due():
                    next_try = loop.time() + AGAIN_SECONDS
                    await self._renew()
            except CcxError as error:
                log.warning("this node's place in its cluster could not be looked after", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    def _is_due(self) -> bool:
        """Masters keep to the oldest authority, which all nodes trust; slaves change to the newest."""
        authority = self.trust.authorities[0 if self.registrar is not None else -1]
        return is_node_due(self._files.certificate_text(), authority.encode(), datetime.now(UTC))

    async def _renew(self) -> None:
        if self.registrar is not None:
            self._keep(*await self.registrar.own(self.me.name, self.me))
            return
        errors = []
        for url in self._known.masters:
            try:
                self._keep(*await enrolment.renew(self.me.name, url, self.for_calling(A_MASTER)))
            except CcxError as error:
                errors.append(str(error))
            else:
                return
        log.warning("the certificate could not be renewed", ends=str(self._end()), reasons=errors)

    def _keep(self, pair: KeyPair, trust: Trust) -> None:
        self._known = self._known.model_copy(update={"trust": trust})
        self._files.keep(pair, self._known)
        self._load()
        log.info("a new certificate in the cluster", ends=str(self._end()))

    def _end(self) -> datetime:
        return end_of(self._files.certificate_text())

    def _load(self) -> None:
        certificate = self._files.certificate
        self._server = server_context(certificate, self.trust)
        self._client = client_context(certificate, self.trust)

    def _following(self, protocol: int, expected: Expected) -> NodeContext:
        is_server = protocol == ssl.PROTOCOL_TLS_SERVER
        return NodeContext(
            protocol,
            lambda: self._server if is_server else self._client,
            lambda peer: refusal(peer, expected, self.trust),
        )
