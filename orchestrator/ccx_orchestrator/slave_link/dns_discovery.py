"""DNS names that stand for many nodes, as Swarm (`tasks.<service>`) and headless Kubernetes services publish them."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from ccx.errors import BadInput
from ccx_orchestrator.domain.addresses import url_of

DEFAULT_PORT = 8700
ENCRYPTED_PORT = 8701  # where nodes with certificates listen for each other


def check_name(text: str) -> None:
    """Raises BadInput where it is not `host` or `host:port`."""
    try:
        parts = urlsplit(f"//{text}")
        is_good = bool(parts.hostname) and parts.port != 0 and parts.netloc == text and not parts.username
    except ValueError:
        is_good = False
    if not is_good:
        raise BadInput(f"--slave-dns: {text!r} is not a name; write it like tasks.slave-java:{DEFAULT_PORT}.")


async def resolve(text: str, *, is_encrypted: bool = False) -> frozenset[str]:
    """The URLs of all nodes behind `host:port`. Raises OSError where the name is not found."""
    parts = urlsplit(f"//{text}")
    port = parts.port or (ENCRYPTED_PORT if is_encrypted else DEFAULT_PORT)
    found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    hosts = {str(address[0]) for _, _, _, _, address in found}
    return frozenset(url_of(host, port, is_encrypted=is_encrypted) for host in hosts)
