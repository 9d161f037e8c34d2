"""How a node calls another: with aiohttp, most of which is written in C. On the way to another node and back, the HTTP
library is the largest part of what a master adds to a submission; this one takes about a sixth off it (`bench.locks`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import httpx2
import yarl
from aiohttp.http_exceptions import ContentEncodingError

from ccx.connection_trouble import causes_of, connection_trouble
from ccx.http_exchange import (
    CONNECT_SECONDS,
    NOT_CONNECTED,
    GarbledAnswer,
    HttpAnswer,
    HttpRequest,
    NoAnswer,
    said_nothing,
)
from ccx.keep_alive import keep_alive

KEPT_SECONDS = 5.0  # a connection that nobody uses: those of a burst are many. A node would keep it for 30 s


class AiohttpExchange:
    """See `ccx.http_exchange.HttpExchange`."""

    def __init__(self, address: httpx2.URL, headers: Mapping[str, str], tls: ssl.SSLContext | None) -> None:
        self._address = str(address).rstrip("/")
        self._headers = headers
        self._tls = tls
        self._opened: aiohttp.ClientSession | None = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Made with the first request, because it belongs to the event loop of who makes it."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls or True, limit=0, keepalive_timeout=KEPT_SECONDS, socket_factory=_lasting_socket
                ),
                headers=self._headers,
                skip_auto_headers=("User-Agent",),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._opened

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncIterator[HttpAnswer]:
        """See `HttpExchange`."""
        if self._session.closed:  # while something still wanted to tell the other side of its end
            raise NoAnswer("it is not called any more")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=request.silence_seconds)
        url = yarl.URL(self._address + request.path, encoded=True)
        try:
            async with self._session.request(
                request.method,
                url,
                data=request.body,
                headers=request.headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                yield HttpAnswer(response.status, response.headers, response.content.iter_any())
        except (aiohttp.ClientError, UnicodeError) as error:  # a name that can be none of a host is the latter
            raise _in_our_words(error, request) from error

    async def close(self) -> None:
        """See `HttpExchange`."""
        await self._session.close()


def _in_our_words(error: Exception, request: HttpRequest) -> NoAnswer | GarbledAnswer:
    match error:
        case aiohttp.ConnectionTimeoutError():
            return NoAnswer(NOT_CONNECTED)
        case aiohttp.ServerTimeoutError():
            return NoAnswer(said_nothing(request))
        case aiohttp.ClientConnectorCertificateError():  # is an error of ssl by its class, and not by what it has
            return NoAnswer(connection_trouble(error.certificate_error))
        case _ if any(isinstance(cause, ContentEncodingError) for cause in causes_of(error)):
            return GarbledAnswer(str(error))
        case _:
            return NoAnswer(connection_trouble(error))


def _lasting_socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    for option in keep_alive():
        made.setsockopt(*option)
    return made
