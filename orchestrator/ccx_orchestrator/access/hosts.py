"""By which names a node may be called.

A page in a browser can have the name of its own site lead to this machine (DNS rebinding). Its requests then are of one
site for the browser, but their `Host` is the name of that site. So a node answers to no name that is not its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The names of a node, in lower case, beside those that are always harmless."""

    names: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *names: str) -> KnownHosts:
        """Names as settings have them: with or without a port, in any case."""
        return cls(frozenset(host for name in names if (host := host_of(name))))

    def knows(self, host: str) -> bool:
        """Whether a request with this `Host` means this node.

        An address in digits is the one that was called, and no site of others has a name without a dot.
        """
        name = host_of(host)
        return not name or "." not in name or name.endswith(".localhost") or is_address(name) or name in self.names


def host_of(host: str) -> str:
    """The name in a `Host` header, without the port. Empty where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_address(name: str) -> bool:
    """Whether it is one in digits."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
