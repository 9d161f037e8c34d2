"""Makes the authority of a cluster, lets nodes in, renews their certificates, and ends them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_hex

from ccx.errors import BadInput, NotOfTheCluster, ProblemError
from ccx.trust import fingerprint_of
from ccx.wire import JoinRequest, JoinToken, JoinTokenRequest, Member, NodeCertificate, NodeRole, Trust
from ccx_orchestrator.access.certificates import (
    KeyPair,
    end_of,
    make_authority,
    make_request,
    opened,
    sealed,
    sign_request,
)
from ccx_orchestrator.access.peer import Peer
from ccx_orchestrator.access.rates import WrongTokens
from ccx_orchestrator.access.tokens import digest_of_token
from ccx_orchestrator.ports.cluster_records import (
    AuthorityRecord,
    ClusterRecords,
    JoinTokenRecord,
    MemberRecord,
    Trusted,
    authority_exists,
)
from ccx_orchestrator.submissions.clock import utc_now

JOIN_PREFIX = "ccxjoin_"
_SECRET_BYTES = 32
_JOIN_TOKEN = re.compile(JOIN_PREFIX + r"([0-9a-f]{64})_([0-9a-f]{64})")
_FIRST = 1

# Told who signed a certificate, and when that ends.
Note = Callable[[str, datetime], Awaitable[None]]


@dataclass(slots=True)
class Registrar:
    """What a master does for the nodes of its cluster. `passphrase` opens the authority's key, where that is sealed.

    Its methods raise StoreUnavailable besides, and BadInput where there is no authority, or its key cannot be opened.
    """

    records: ClusterRecords
    passphrase: str | None = None
    clock: Callable[[], datetime] = utc_now
    port: int | None = None  # at which nodes reach this one
    _wrong: WrongTokens = field(default_factory=WrongTokens)

    # The authority

    async def init(self, name: str) -> str:
        """Make the first authority; its SHA-256. Raises BadInput where there is one."""
        if (await self.records.trusted()).authorities:
            raise authority_exists()
        return await self._add_authority(name, _FIRST)

    async def rotate(self, name: str) -> str:
        """Make another authority, which is trusted beside the one there is and signs from now on; its SHA-256. Masters
        go on with certificates of the old one until `finish_rotation`, so that nodes have time to learn of the new one.
        """
        authorities = (await self._trusted()).authorities
        if len(authorities) > 1:
            raise BadInput("The authority is being changed already: 'ccx cluster rotate --finish' ends that.")
        return await self._add_authority(name, authorities[-1].number + 1)

    async def finish_rotation(self, *, by_force: bool = False) -> None:
        """Trust the old authority no more. Raises BadInput where slaves have certificates of it, unless forced."""
        authorities = (await self._trusted()).authorities
        if len(authorities) == 1:
            raise BadInput("The authority is not being changed: 'ccx cluster rotate' begins that.")
        old = {one.id for one in authorities[:-1]}
        late = [
            one.name
            for one in await self.records.members(self.clock())
            if one.authority in old and one.role is NodeRole.SLAVE and not one.is_revoked
        ]
        if late and not by_force:
            raise BadInput(
                f"These nodes still have certificates of the old authority: {', '.join(late)}. Wait until they have new"
                " ones, or say --force: then they have to join anew."
            )
        for one in authorities[:-1]:
            await self.records.remove_authority(one.number)

    async def oldest(self) -> KeyPair:
        """The authority that all trust, with its key."""
        return self._pair((await self._trusted()).authorities[0])

    async def trust(self) -> Trust:
        """Whom the nodes of the cluster trust."""
        return _trust_of(await self._trusted())

    # Nodes

    async def make_join_token(self, asked: JoinTokenRequest) -> JoinToken:
        """A token for one node, or for many; shown this once."""
        authority = (await self._trusted()).authorities[0]
        secret = token_hex(_SECRET_BYTES)
        expires_at = self.clock() + timedelta(seconds=asked.expires_seconds)
        await self.records.add_join_token(
            JoinTokenRecord(digest_of_token(secret), asked.role, expires_at, asked.is_reusable)
        )
        token = f"{JOIN_PREFIX}{secret}_{authority.id}"
        return JoinToken(
            token=token, role=asked.role, expires_at=expires_at, is_reusable=asked.is_reusable, port=self.port
        )

    async def join(self, asked: JoinRequest, address: str) -> NodeCertificate:
        """Let a node in. Raises NotOfTheCluster, TooManyWrongTokens, NodeExists or InvalidSubmission; then the token is
        not used up.
        """
        secret = parse_join_token(asked.token)[0]
        token = await self.records.take_join_token(digest_of_token(secret), self.clock()) if secret else None
        if token is None:
            self._wrong.count(address, "wrong join tokens")
            raise NotOfTheCluster(
                "The join token is none of this cluster's, was used, or has expired: 'ccx cluster join-command' on a"
                " master makes another."
            )
        try:
            return await self._admit(Peer(asked.name, token.role, token_hex(16)), asked.request.encode())
        except ProblemError:
            if not token.is_reusable:
                await self.records.add_join_token(token)
            raise

    async def renew(self, peer: Peer, request: bytes, *, is_master: bool = False) -> NodeCertificate:
        """A new certificate for a node that has one. `is_master`: it signs for itself. Raises NodeNotFound or
        InvalidSubmission.
        """

        async def note(authority: str, end: datetime) -> None:
            await self.records.renew(peer.enrolment, authority, end)

        return await self._sign(peer, request, note, is_master=is_master)

    async def own(self, name: str, before: Peer | None) -> tuple[KeyPair, Trust]:
        """A key and a certificate for the master that asks, which may sign for itself. `before`: whom it was. A master
        that has lost its files takes its name again.

        Raises BadInput where it was revoked, NodeExists where a slave has that name.
        """
        asked = make_request(name)
        members = await self.records.members(self.clock())
        mine = next((one for one in members if before is not None and one.enrolment == before.enrolment), None)
        if mine is not None and mine.is_revoked:
            raise BadInput(f"This node, {name!r}, was revoked: it is none of the cluster any more.")
        if before is not None and mine is not None:
            made = await self.renew(before, asked.certificate, is_master=True)
        else:
            if any(one.name == name and one.role is NodeRole.MASTER and not one.is_revoked for one in members):
                await self.records.revoke(name)
            made = await self._admit(Peer(name, NodeRole.MASTER, token_hex(16)), asked.certificate, is_master=True)
        return KeyPair(made.certificate.encode(), asked.key), made.trust

    async def revoke(self, name: str) -> None:
        """A node is none of the cluster any more. Raises NodeNotFound."""
        await self.records.revoke(name)

    async def members(self) -> tuple[Member, ...]:
        """The nodes that have, or had, a certificate that has not ended."""
        found = await self.records.members(self.clock())
        return tuple(Member(**{name: getattr(one, name) for name in Member.model_fields}) for one in found)

    async def _admit(self, peer: Peer, request: bytes, *, is_master: bool = False) -> NodeCertificate:
        now = self.clock()

        async def note(authority: str, end: datetime) -> None:
            await self.records.admit(MemberRecord(peer.enrolment, peer.name, peer.role, authority, now, end), now)

        return await self._sign(peer, request, note, is_master=is_master)

    async def _sign(self, peer: Peer, request: bytes, note: Note, *, is_master: bool = False) -> NodeCertificate:
        """A certificate, which is noted before anybody has it. Masters get one of the oldest authority, which all nodes
        trust, however late they hear of a new one.
        """
        trusted = await self._trusted()
        authority = trusted.authorities[0 if is_master else -1]
        signed = sign_request(self._pair(authority), request, peer, self.clock())
        await note(authority.id, end_of(signed))
        return NodeCertificate(certificate=signed.decode(), trust=_trust_of(trusted))

    async def _add_authority(self, name: str, number: int) -> str:
        now = self.clock()
        made = make_authority(f"cluster {name} {token_hex(4)}", now)
        key = sealed(made.key, self.passphrase) if self.passphrase else made.key
        record = AuthorityRecord(number, id_of(made.certificate.decode()), made.certificate.decode(), key.decode(), now)
        await self.records.add_authority(record)
        return record.id

    def _pair(self, authority: AuthorityRecord) -> KeyPair:
        return KeyPair(authority.certificate.encode(), opened(authority.key.encode(), self.passphrase))

    async def _trusted(self) -> Trusted:
        found = await self.records.trusted()
        if not found.authorities:
            raise BadInput("There is no cluster here yet: 'ccx cluster init' on the master's machine begins one.")
        return found


def parse_join_token(token: str) -> tuple[str, str]:
    """The secret, and the id of the authority that it may be shown to; empty where it is no such token."""
    found = _JOIN_TOKEN.fullmatch(token.strip())
    return (found[1], found[2]) if found else ("", "")


def id_of(certificate: str) -> str:
    """The SHA-256 of a certificate in PEM, in small hexadecimal digits. Raises BadInput."""
    return fingerprint_of(certificate).replace(":", "").lower()


def _trust_of(trusted: Trusted) -> Trust:
    return Trust(
        revision=trusted.revision,
        authorities=tuple(one.certificate for one in trusted.authorities),
        revoked=trusted.revoked,
    )
