"""What a cluster knows of its nodes: implement `ClusterRecords` for a new store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ccx.errors import BadInput, NodeExists, NodeNotFound
from ccx.wire import NodeRole


@dataclass(frozen=True, slots=True)
class AuthorityRecord:
    """Who signs for nodes. `number` counts from 1; `id` is the certificate's SHA-256; `key` may be sealed."""

    number: int
    id: str
    certificate: str
    key: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class JoinTokenRecord:
    """A token for nodes that are to join. Of the token its SHA-256 is kept."""

    digest: str
    role: NodeRole
    expires_at: datetime
    is_reusable: bool


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """One enrolment of a node. `authority` is who signed its newest certificate, which ends at `expires_at`."""

    enrolment: str
    name: str
    role: NodeRole
    authority: str
    joined_at: datetime
    expires_at: datetime
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Trusted:
    """What all nodes have to know, as of one moment. `revision` grows with each change of it."""

    revision: int
    authorities: tuple[AuthorityRecord, ...]  # the oldest first
    revoked: tuple[str, ...]


class ClusterRecords(Protocol):
    """Each call raises StoreUnavailable where the store does not answer."""

    async def trusted(self) -> Trusted:
        """Whom to trust."""

    async def add_authority(self, record: AuthorityRecord) -> None:
        """One more. Raises BadInput where there is one of that number already."""

    async def remove_authority(self, number: int) -> None:
        """Nobody trusts it any more."""

    async def add_join_token(self, record: JoinTokenRecord) -> None:
        """Keep it until it is used up or expired."""

    async def take_join_token(self, digest: str, now: datetime) -> JoinTokenRecord | None:
        """Make use of the token of that digest; one that is not reusable is gone then. None where there is none, or it
        has expired.
        """

    async def admit(self, record: MemberRecord, now: datetime) -> None:
        """A node joins. Raises NodeExists where one of that name is there, not revoked and with a certificate that has
        not ended.
        """

    async def renew(self, enrolment: str, authority: str, expires_at: datetime) -> None:
        """It has a new certificate. Raises NodeNotFound where it never joined, or was revoked."""

    async def revoke(self, name: str) -> None:
        """The node of that name is none of the cluster any more. Raises NodeNotFound."""

    async def members(self, now: datetime) -> tuple[MemberRecord, ...]:
        """Those whose certificates have not ended, by name. Others are forgotten, and expired tokens with them."""


def authority_exists() -> BadInput:
    """The refusal of a second beginning."""
    return BadInput("This cluster has an authority already; 'ccx cluster rotate' makes another in its place.")


def node_exists(name: str) -> NodeExists:
    """The refusal of a name that is taken."""
    return NodeExists(
        f"The cluster has a node {name!r}: choose another name with --name; or, where it is that one and has lost its"
        f" certificate, 'ccx nodes revoke {name}' first."
    )


def node_missing(name: str) -> NodeNotFound:
    """The refusal of a node that is none of the cluster."""
    return NodeNotFound(f"No node {name!r} is one of the cluster; 'ccx cluster members' shows which are.")
