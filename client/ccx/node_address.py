"""Where a node is: what users write, as a URL. Pure."""

from __future__ import annotations

import httpx2

from ccx.errors import BadInput

DEFAULT_SERVER = "http://127.0.0.1:8700"
_HIGHEST_PORT = 65_535


def address_of(server_url: str) -> httpx2.URL:
    """The URL in it. A bare `host:port` means http, `:port` this machine. Raises BadInput."""
    if server_url.startswith(":"):
        server_url = f"127.0.0.1{server_url}"
    text = server_url if "://" in server_url else f"http://{server_url}"
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise _not_an_address(server_url) from error
    if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > _HIGHEST_PORT:
        raise _not_an_address(server_url)
    return url


def _not_an_address(server_url: str) -> BadInput:
    return BadInput(f"{server_url!r} is not the address of a node; write it like {DEFAULT_SERVER}.")
