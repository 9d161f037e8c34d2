"""At the door: a foreign name and pages of other sites are refused, and browsers are told what to forbid."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ccx.errors import ForeignHost, ForeignOrigin, ProblemError
from ccx_orchestrator.access.hosts import KnownHosts
from ccx_orchestrator.access.origins import HARMLESS_METHODS, KnownOrigins
from ccx_orchestrator.api.problems import problem_answer

POLICY_VIOLATION = 1008
# What a browser may load and run for an answer of the API: nothing. A page brings a policy of its own.
NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Of /docs, whose page has a script within it.
DOCS = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_OF_DOCS = ("/docs", "/static-offline-docs")


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets through what may come in."""

    app: ASGIApp
    hosts: KnownHosts
    origins: KnownOrigins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in {"http", "websocket"} or (refusal := self._refusal(scope)) is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await problem_answer(refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> ProblemError | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.hosts.knows(host):
            return ForeignHost(f"This node is not called {host!r}; if it is, name that in its setting 'hosts'.")
        changes = scope["type"] == "websocket" or scope["method"] not in HARMLESS_METHODS
        if changes and not self.origins.admits(origin, host):
            return ForeignOrigin(
                f"A page of {origin!r} may change nothing here; if it should, name it in the node's setting 'origins'."
            )
        return None


@dataclass(frozen=True, slots=True)
class SecurityHeaders:
    """Tells browsers what an answer may do."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", DOCS if scope["path"].startswith(_OF_DOCS) else NOTHING)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
            await send(message)

        await self.app(scope, receive, send_with_headers)
