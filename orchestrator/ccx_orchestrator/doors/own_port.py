"""A port on which a door answers alone, for clients that know no path."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from ccx_orchestrator.doors import jobe, judge0, mcp, piston

# The path that each is below on the node's own port.
_PATHS = {"jobe": jobe.PATH, "judge0": judge0.PATH, "mcp": mcp.PATH, "piston": piston.PATH}


class OwnPort:
    """The node's application as it is seen there: an address that does not begin with the door's path is below it."""

    def __init__(self, app: ASGIApp, door: str) -> None:
        self._app = app
        self._path = _PATHS[door]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] in {"http", "websocket"} and not f"{scope['path']}/".startswith(f"{self._path}/"):
            paths = {"path": self._path + scope["path"], "raw_path": self._path.encode() + scope["raw_path"]}
            scope = dict(scope) | paths
        await self._app(scope, receive, send)
