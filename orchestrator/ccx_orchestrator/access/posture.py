"""Whether a node may start as it is told to: reachable by other machines only with locks, or on purpose without."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from ccx.errors import BadInput


class Posture(StrEnum):
    """How a node stands in its network."""

    LOCAL = "local"  # only this machine reaches it
    LOCKED = "locked"  # others do: it asks for tokens and speaks TLS
    INSECURE = "insecure"  # others do, and one of both is missing, on purpose


@dataclass(frozen=True, slots=True)
class Locks:
    """What the settings say. `access` None: as the address demands."""

    host: str
    access: bool | None
    has_tls: bool
    is_insecure: bool

    @property
    def asks_for_tokens(self) -> bool:
        """Whether callers are asked who they are."""
        if self.access is not None:
            return self.access
        return not is_loopback(self.host) and not self.is_insecure

    def posture(self) -> Posture:
        """Raises BadInput where the node must not start."""
        if is_loopback(self.host):
            return Posture.LOCAL
        if self.asks_for_tokens and self.has_tls:
            return Posture.LOCKED
        if self.is_insecure:
            return Posture.INSECURE
        raise BadInput(
            f"On {self.host} other machines reach this node, so it needs locks: make a token with 'ccx token create"
            " NAME --role admin' and start it with --tls, or say --insecure if whoever reaches it may use it and"
            " read along."
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
