"""A signed request to an address that a user named, and to no other place that name may turn into."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpcore2

from ccx.wire import type_of_json
from ccx_orchestrator.domain.addresses import is_public
from ccx_orchestrator.ports.callbacks import CallFailed

SECONDS = 10.0
CONNECTIONS = 16
SIGNATURE = "Ccx-Signature"

_Options = Iterable[tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]]


def sign(secret: bytes, at: datetime, body: bytes) -> str:
    """The value of `Ccx-Signature`: `t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY`."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


class HttpCaller(AbstractAsyncContextManager["HttpCaller"]):
    """`ports.Caller`. Follows no redirect, uses no proxy, reads no answer but its status."""

    def __init__(self, secret: bytes, *, allows_private: bool) -> None:
        self._secret = secret
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=CONNECTIONS,
            max_keepalive_connections=0,
            network_backend=_CheckedBackend(allows_private=allows_private),
        )

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def call(self, method: str, url: str, body: bytes, submission_id: str, at: datetime) -> None:
        """See `ports.Caller`."""
        headers: dict[bytes | str, bytes | str] = {
            "Host": urlsplit(url).netloc,
            "Content-Type": type_of_json,
            "Content-Length": str(len(body)),
            "User-Agent": "ccx",
            "Ccx-Submission": submission_id,
            SIGNATURE: sign(self._secret, at, body),
        }
        try:
            async with (
                asyncio.timeout(SECONDS),
                self._pool.stream(method, url, headers=headers, content=body) as response,
            ):
                status = response.status
        except TimeoutError as error:
            raise CallFailed(f"no answer within {SECONDS:g} s") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException, OSError) as error:
            raise CallFailed(str(error) or type(error).__name__) from error
        if not 200 <= status < 300:  # noqa: PLR2004
            raise CallFailed(f"the answer was HTTP {status}")


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a name once, looks at every address of it, and connects to one of those it has looked at: a name that
    means something else a moment later gains nothing.
    """

    def __init__(self, *, allows_private: bool) -> None:
        self._allows_private = allows_private
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (the library's name)
        local_address: str | None = None,
        socket_options: _Options | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to that host. Raises ConnectError."""
        last: Exception = httpcore2.ConnectError(f"{host!r} has no address")
        for address in await self._addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
        raise last

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(f"{host!r} cannot be resolved: {error.strerror}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._allows_private and not all(is_public(address) for address in addresses):
            raise httpcore2.ConnectError(f"{host!r} is not an address on the internet")
        return addresses
