"""Who a client is: the caller that the door has found out, and its address for a fair share of the queue."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.requests import HTTPConnection

from ccx_orchestrator.access.caller import Caller

# What one customer of a provider has: who can choose among 2^64 addresses must not have as many turns.
_NETWORK_BITS = 64


def caller_of(request: HTTPConnection) -> Caller:
    """Whom the guard at the door has found out."""
    caller: Caller = request.state.caller
    return caller


def address_of(request: HTTPConnection) -> str:
    """Where it comes from, as the queue counts it. Through a Unix socket all are one."""
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
