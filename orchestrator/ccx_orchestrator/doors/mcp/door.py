"""The server of the protocol's own library, behind this node's guard. The first who comes starts it: to import it takes
a good part of the time in which a node starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ccx_orchestrator.api.node import Node
from ccx_orchestrator.doors.mcp import PATH
from ccx_orchestrator.doors.mcp.caller import Caller

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

METHODS = ("GET", "POST", "DELETE")
IDLE_SECONDS = 600.0
MOST_SESSIONS = 1_000


@asynccontextmanager
async def mcp_door(node: Node) -> AsyncIterator[tuple[APIRouter, ...]]:
    """Its routes, for as long as the context lasts."""
    door = _Door(node)
    routes = APIRouter()
    routes.routes += [Route(f"{PATH}{slash}", door, methods=METHODS, include_in_schema=False) for slash in ("", "/")]
    try:
        yield (routes,)
    finally:
        await door.close()


class _Door:
    """One node through it, as an ASGI application."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._manager: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if self._manager is None:
            self._manager = asyncio.get_running_loop().create_future()
            self._running = asyncio.create_task(self._run(self._manager), name="mcp")
        manager = await asyncio.shield(self._manager)
        await manager.handle_request(scope, receive, send)

    async def close(self) -> None:
        """End all sessions."""
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self, ready: asyncio.Future[StreamableHTTPSessionManager]) -> None:
        try:
            server = await asyncio.to_thread(self._server)
            async with server.session_manager.run():
                ready.set_result(server.session_manager)
                await asyncio.Event().wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    def _server(self) -> Any:
        from mcp.server.transport_security import TransportSecuritySettings

        from ccx.agents import mcp_server

        server = mcp_server(self._node_for)
        server.streamable_http_app(
            max_request_body_size=self._node.max_body_bytes,
            session_idle_timeout=IDLE_SECONDS,
            max_sessions=MOST_SESSIONS,
            # The guard has seen to names and origins already.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        return server

    def _node_for(self, context: Context) -> Caller:
        request = context.request_context.request
        if not isinstance(request, Request):
            raise TypeError("a call that came without a request")
        return Caller(self._node, request)
