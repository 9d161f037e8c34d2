"""One HTTP request and its answer, as much of that as the SDK needs: a port, `HttpExchange`, and httpx behind it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
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
NOT_CONNECTED = f"no connection within {CONNECT_SECONDS:g} s"


class NoAnswer(Exception):
    """No answer came, or not all of it. The text says why."""


class GarbledAnswer(Exception):
    """The body of an answer is not what its head says."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The head of an answer, and its body as it comes in, to be read once. `headers` are found by names in any case."""

    status: int
    headers: Mapping[str, str]
    pieces: AsyncIterator[bytes]

    @property
    def is_success(self) -> bool:
        """Whether its code is one of 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


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
        """The answer; its body may be read within the context. Raises NoAnswer or GarbledAnswer, also for the body."""

    async def close(self) -> None:
        """Close all connections."""


MakesExchange = Callable[[httpx2.URL, "Mapping[str, str]", "ssl.SSLContext | None"], HttpExchange]


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
                yield HttpAnswer(response.status_code, response.headers, response.aiter_bytes())
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
            return NOT_CONNECTED
        case httpx2.TimeoutException():
            return said_nothing(request)
        case _:
            return connection_trouble(error)
