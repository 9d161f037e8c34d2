"""Who a client is, for a fair share of the queue and for the names it gives."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection

# What one customer of a provider has: who can choose among 2^64 addresses must not have as many turns.
_NETWORK_BITS = 64


def client_of(request: HTTPConnection) -> str:
    """Whoever checked a client's key put its name into the request's state; otherwise it is the address. Through a Unix
    socket all are one.
    """
    if name := getattr(request.state, "client", None):
        return f"key {name}"
    if request.client is None or not request.client.host:
        return "local"
    try:
        return _by_address(ip_address(request.client.host.partition("%")[0]))
    except ValueError:
        return request.client.host


def _by_address(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    bits = 128 - _NETWORK_BITS
    return f"{IPv6Address(int(address) >> bits << bits)}/{_NETWORK_BITS}"
