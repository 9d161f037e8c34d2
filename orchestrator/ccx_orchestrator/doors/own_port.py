"""A port on which a door answers alone, for clients that know no path."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

# The path that each is below on the node's own port.
PATHS = {"jobe": "/jobe/index.php/restapi", "judge0": "/judge0", "mcp": "/mcp", "piston": "/api/v2"}


class OwnPort:
    """The node's application as it is seen there: an address that does not begin with the door's path is below it."""

    def __init__(self, app: ASGIApp, door: str) -> None:
        self._app = app
        self._path = PATHS[door]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] in {"http", "websocket"}:
            scope = dict(scope)
            for name, path in (("path", self._path), ("raw_path", self._path.encode())):
                asked = scope.get(name)
                if asked is not None and not _is_below(asked, path):
                    scope[name] = path + asked
        await self._app(scope, receive, send)


def _is_below(asked: str | bytes, path: str | bytes) -> bool:
    slash = "/" if isinstance(path, str) else b"/"
    return asked == path or asked.startswith(path + slash)  # type: ignore[arg-type, operator]
