"""One HTTP request and its answer, as much of that as the SDK needs: a port, `HttpExchange`, and httpx behind it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import httpx2

from ccx.connection_trouble import connection_trouble
from ccx.keep_alive import keep_alive

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
KEPT_CONNECTIONS = 64


class NoAnswer(Exception):
    """No answer came, or not all of it. The text says why."""


class GarbledAnswer(Exception):
    """The body of an answer is not what its head says."""


class HttpAnswer(Protocol):
    """The head of an answer, and its body as it comes in."""

    @property
    def status(self) -> int:
        """The code of HTTP."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By names in any case."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The body. Raises NoAnswer or GarbledAnswer."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` has the query with it. `silence_seconds`: for how long the other side may say nothing; None: for ever."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str | None = None
    silence_seconds: float | None = ANSWER_SECONDS


class HttpExchange(Protocol):
    """Sends requests to one server. Follows no redirects, keeps no cookies, uses no proxy, and keeps connections."""

    def send(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpAnswer]:
        """The answer, whose body may be read within the context. Raises NoAnswer or GarbledAnswer."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True)
class _HttpxAnswer:
    response: httpx2.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self.response.headers

    def pieces(self) -> AsyncIterator[bytes]:
        return self.response.aiter_bytes()


class HttpxExchange:
    """See `HttpExchange`. `headers` go with every request; credentials in the address go along. `uds`: the Unix socket
    to use whatever the address.
    """

    def __init__(
        self,
        address: httpx2.URL,
        headers: Mapping[str, str],
        tls: ssl.SSLContext | None = None,
        uds: Path | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(
            base_url=address,
            headers=dict(headers),
            transport=httpx2.AsyncHTTPTransport(
                uds=None if uds is None else str(uds),
                verify=tls or False,
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=KEPT_CONNECTIONS),
                socket_options=None if uds is not None else keep_alive(),
            ),
        )

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncIterator[HttpAnswer]:
        """See `HttpExchange`."""
        timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS, read=request.silence_seconds)
        try:
            async with self._http.stream(
                request.method, request.path, content=request.body, headers=request.headers, timeout=timeout
            ) as response:
                yield _HttpxAnswer(response)
        except httpx2.DecodingError as error:
            raise GarbledAnswer(str(error)) from error
        except httpx2.HTTPError as error:
            raise NoAnswer(_reason(error, request)) from error

    async def close(self) -> None:
        """See `HttpExchange`."""
        await self._http.aclose()


def said_nothing(request: HttpRequest) -> str:
    """Why there is no answer where the other side was silent for too long."""
    return f"no answer within {request.silence_seconds or ANSWER_SECONDS:g} s"


def _reason(error: httpx2.HTTPError, request: HttpRequest) -> str:
    match error:
        case httpx2.ConnectTimeout():
            return f"no connection within {CONNECT_SECONDS:g} s"
        case httpx2.TimeoutException():
            return said_nothing(request)
        case _:
            return connection_trouble(error)
