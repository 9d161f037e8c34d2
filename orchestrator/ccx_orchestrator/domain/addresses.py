"""Addresses: which ones a user may make a node call, and how a node's own is written down."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Gateways that carry an IPv4 address on: what matters is that one.
_NAT64 = IPv6Network("64:ff9b::/96")
_ANY_NAT64 = IPv6Network("64:ff9b::/32")

EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104  (what a node that listens there cannot be called by)


def url_of(host: str, port: int, *, is_encrypted: bool = False) -> str:
    """The URL of a node at that name or address."""
    scheme = "https" if is_encrypted else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def is_public(address: str) -> bool:
    """Whether everybody on the internet could have called that address: no loopback, no private or link-local network,
    nothing reserved, nor one of these in the clothes of another protocol.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = _inner(found)
        if inner is not None:
            found = inner
        elif found in _ANY_NAT64:
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour
