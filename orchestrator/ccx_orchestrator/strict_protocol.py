"""uvicorn's protocols for HTTP and WebSockets, with what they lack: a deadline for heads, and a bound on connections."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ccx_orchestrator.access.connections import ConnectionBounds

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def strict_protocols(
    bounds: ConnectionBounds, head_seconds: float
) -> tuple[type[HttpToolsProtocol], type[WebSocketsSansIOProtocol]]:
    """The two protocols. A connection must have sent a whole head within so many seconds from its first byte, or from
    its beginning; one that is too many gets a 503.
    """

    class StrictHttp(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if not bounds.enter(id(transport), self.client[0] if self.client else None):
                transport.write(_FULL)
                transport.close()
                return
            self._await_head()

        def data_received(self, data: bytes) -> None:
            if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
                self._await_head()
            super().data_received(data)

        def on_headers_complete(self) -> None:
            self._forget_deadline()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget_deadline()
            bounds.leave(id(self.transport))
            super().connection_lost(exc)

        def _await_head(self) -> None:
            self._deadline = self.loop.call_later(head_seconds, self.transport.close)

        def _forget_deadline(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    class StrictWebSocket(WebSocketsSansIOProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            bounds.leave(id(self.transport))
            super().connection_lost(exc)

    return StrictHttp, StrictWebSocket
