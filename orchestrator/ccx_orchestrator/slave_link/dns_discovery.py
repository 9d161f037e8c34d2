"""DNS names that stand for many nodes, as Swarm (`tasks.<service>`) and headless Kubernetes services publish them."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from ccx.errors import BadInput
from ccx_orchestrator.domain.addresses import url_of

DEFAULT_PORT = 8700


def check_name(text: str) -> None:
    """Raises BadInput where it is not `host` or `host:port`."""
    try:
        parts = urlsplit(f"//{text}")
        is_good = bool(parts.hostname) and parts.port != 0 and parts.netloc == text and not parts.username
    except ValueError:
        is_good = False
    if not is_good:
        raise BadInput(f"--slave-dns: {text!r} is not a name; write it like tasks.slave-java:{DEFAULT_PORT}.")


async def resolve(text: str) -> frozenset[str]:
    """The URLs of all nodes behind `host:port`. Raises OSError where the name is not found."""
    parts = urlsplit(f"//{text}")
    found = await asyncio.get_running_loop().getaddrinfo(
        parts.hostname, parts.port or DEFAULT_PORT, type=socket.SOCK_STREAM
    )
    hosts = {str(address[0]) for _, _, _, _, address in found}
    port = parts.port or DEFAULT_PORT
    return frozenset(url_of(host, port) for host in hosts)
