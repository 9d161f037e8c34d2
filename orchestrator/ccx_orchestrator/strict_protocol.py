"""uvicorn's protocols for HTTP and WebSockets, with what they lack: a deadline for heads, a bound on connections,
and who is there by its certificate.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ccx_orchestrator.access.connections import ConnectionBounds
from ccx_orchestrator.access.peer import peer_of

PEER = "peer"  # in a request's state: the node at the other end, by its certificate

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class StrictHttp(HttpToolsProtocol):
    """Closes a connection that has not sent a whole head in time, and answers 503 on one that is too many."""

    bounds: ConnectionBounds
    head_seconds: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        if not self.bounds.enter(id(transport), self.client[0] if self.client else None):
            transport.write(_FULL)
            transport.close()
            return
        if (tls := transport.get_extra_info("ssl_object")) and (peer := peer_of(tls.getpeercert())):
            self.app_state = self.app_state | {PEER: peer}
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        # A kept connection is idle under a deadline of uvicorn's, which ends with the first byte of the next head.
        if self._deadline is None and self._is_between_requests():
            self._await_head()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """See `httptools`."""
        self._forget_deadline()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._forget_deadline()
        self.bounds.leave(id(self.transport))
        super().connection_lost(exc)

    def _is_between_requests(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and bool(cycle.response_complete)

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class StrictWebSocket(WebSocketsSansIOProtocol):
    """Counts as a connection until it ends."""

    bounds: ConnectionBounds

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.bounds.leave(id(self.transport))
        super().connection_lost(exc)


def strict_protocols(bounds: ConnectionBounds, head_seconds: float) -> tuple[type[StrictHttp], type[StrictWebSocket]]:
    """The two protocols, with these bounds: uvicorn makes the objects itself and takes nothing but classes."""
    http = type("StrictHttp", (StrictHttp,), {"bounds": bounds, "head_seconds": head_seconds})
    web_socket = type("StrictWebSocket", (StrictWebSocket,), {"bounds": bounds})
    return http, web_socket
