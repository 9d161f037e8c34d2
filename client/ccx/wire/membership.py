"""How a node becomes one of a cluster, and what nodes of a cluster tell each other of whom they trust."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ccx.wire.basics import Answer, Request

NODE_NAME_PATTERN = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"
LONGEST_NODE_NAME = 64
LARGEST_PEM = 8 * 1024
DAY_SECONDS = 24 * 3600
LONGEST_JOIN_SECONDS = 10 * 366 * DAY_SECONDS

NodeName = Annotated[str, Field(pattern=NODE_NAME_PATTERN, max_length=LONGEST_NODE_NAME)]
Pem = Annotated[str, Field(max_length=LARGEST_PEM)]


class NodeRole(StrEnum):
    """What a node is for in its cluster."""

    SLAVE = "slave"  # it takes work, and announces itself
    MASTER = "master"  # it sends work besides


class Trust(Request):
    """Whose certificates the nodes of a cluster accept."""

    revision: int = Field(ge=0, description="It grows with every change: a node keeps the highest that it was told.")
    authorities: tuple[Pem, ...] = Field(
        strict=False, description="Certificates of authorities in PEM, the oldest first."
    )
    revoked: tuple[str, ...] = Field(default=(), strict=False, description="Enrolments whose certificates are refused.")


class JoinRequest(Request):
    """A node wants to be one of the cluster."""

    token: Annotated[str, Field(max_length=200, description="What `ccx cluster join-command` made.")]
    name: NodeName
    request: Pem = Field(description="A certificate signing request in PEM. The names in it are ignored.")


class CertificateRequest(Request):
    """A node of the cluster wants a new certificate before its old one ends."""

    request: Pem = Field(description="A certificate signing request in PEM.")


class NodeCertificate(Answer):
    """What makes a node one of the cluster."""

    certificate: str = Field(description="In PEM.")
    trust: Trust


class JoinTokenRequest(Request):
    """A token for nodes that are to join."""

    role: Annotated[NodeRole, Field(strict=False)] = NodeRole.SLAVE
    expires_seconds: Annotated[int, Field(ge=1, le=LONGEST_JOIN_SECONDS)] = DAY_SECONDS
    is_reusable: bool = Field(default=False, description="For any number of nodes, until it expires.")


class JoinToken(Answer):
    """One that was just made: the only answer that has the token itself."""

    token: str = Field(description="A secret, and the SHA-256 of the authority that it may be shown to.")
    role: NodeRole
    expires_at: datetime
    is_reusable: bool = Field(description="Whether any number of nodes may use it.")
    port: int | None = Field(default=None, description="At which the node that made it is reached by other nodes.")


class Member(Answer):
    """A node that has, or had, a certificate of the cluster."""

    name: str
    role: NodeRole
    joined_at: datetime = Field(description="When it got its first certificate.")
    expires_at: datetime = Field(description="When its certificate ends; it is renewed before.")
    authority: str = Field(description="The SHA-256 of the authority that signed it.")
    is_revoked: bool = Field(default=False, description="Whether its certificates are refused.")
