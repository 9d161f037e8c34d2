"""Which node of the cluster is at the other end of a connection, as its certificate says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccx.wire import NodeRole


@dataclass(frozen=True, slots=True)
class Peer:
    """A node by its certificate. `enrolment` stays the same when the certificate is renewed, and is another one when a
    node of the same name joins anew: so one can be revoked without the other.
    """

    name: str
    role: NodeRole
    enrolment: str


def peer_of(certificate: Mapping[str, Any] | None) -> Peer | None:
    """The node that a certificate names, as `ssl.SSLObject.getpeercert` tells of one that was checked; None where it
    names no node, or there is none.
    """
    parts = {key: value for group in (certificate or {}).get("subject", ()) for key, value in group}
    try:
        return Peer(parts["commonName"], NodeRole(parts["organizationalUnitName"]), parts["serialNumber"])
    except (KeyError, ValueError):
        return None
