"""At the door: who is there, and may they? A foreign name and pages of other sites are refused before that. Browsers
are told what to forbid.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.status import HTTP_401_UNAUTHORIZED
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from ccx.errors import ForeignHost, ForeignOrigin, ProblemError
from ccx.wire import FORWARDED_HEADER
from ccx_orchestrator.access.caller import Caller
from ccx_orchestrator.access.doorkeeper import Credentials
from ccx_orchestrator.access.origins import HARMLESS_METHODS
from ccx_orchestrator.access.rights import Right
from ccx_orchestrator.access.tokens import PREFIX as TOKEN_PREFIX
from ccx_orchestrator.api.access_routes import session_cookie
from ccx_orchestrator.api.clients import address_of
from ccx_orchestrator.api.interactive import refuse
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.node_port import OF_NODES_ALONE
from ccx_orchestrator.api.problems import problem_answer
from ccx_orchestrator.strict_protocol import PEER

audit = structlog.get_logger("ccx.audit")
# What an operator or admin does is noted, with its outcome.
_NOTED = {Right.OPERATE, Right.ADMINISTER}
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
    """Lets through what may come in, with its caller in the request's state."""

    app: ASGIApp
    node: Node

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            if not scope.get("state", {}).get(OF_NODES_ALONE):
                self._check_origin(connection)
        except ProblemError as error:
            await _refuse(error, scope, receive, send, has_page=True)
            return
        try:
            caller, right = await self._let_in(connection)
        except ProblemError as error:
            _note(connection, None, error.slug)
            await _refuse(error, scope, receive, send, has_page=False)
            return
        scope.setdefault("state", {})["caller"] = caller
        if right not in _NOTED or scope["method"] in HARMLESS_METHODS or FORWARDED_HEADER in connection.headers:
            await self.app(scope, receive, send)
            return

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note(connection, caller, message["status"])
            await send(message)

        await self.app(scope, receive, send_and_note)

    def _check_origin(self, connection: HTTPConnection) -> None:
        """Raises ForeignHost or ForeignOrigin."""
        host, origin = connection.headers.get("host", ""), connection.headers.get("origin")
        if not self.node.hosts.knows(host):
            raise ForeignHost(f"This node is not called {host!r}; if it is, name that in its setting 'hosts'.")
        changes = connection.scope["type"] == "websocket" or connection.scope["method"] not in HARMLESS_METHODS
        if changes and not self.node.origins.admits(origin, host):
            raise ForeignOrigin(
                f"A page of {origin!r} may change nothing here; if it should, name it in the node's setting 'origins'."
            )

    async def _let_in(self, connection: HTTPConnection) -> tuple[Caller, Right]:
        """Who it is, and the right it makes use of. Raises a ProblemError."""
        doorkeeper = self.node.doorkeeper
        caller = await doorkeeper.caller(credentials_of(connection, session_cookie(self.node.name)))
        method = "WEBSOCKET" if connection.scope["type"] == "websocket" else connection.scope["method"]
        return caller, doorkeeper.check(caller, method, connection.scope["path"])


def credentials_of(connection: HTTPConnection, cookie: str) -> Credentials:
    """What a request says of who sends it. Clients of other systems have headers of their own for a key; what is none
    of our tokens is for whatever stands before the node.
    """
    headers = connection.headers
    kind, _, rest = headers.get("authorization", "").partition(" ")
    given = [rest.strip()] if kind.lower() == "bearer" else []
    keys = (kind, headers.get("x-api-key", ""), headers.get("x-auth-token", ""))
    given += [key for key in keys if key.startswith(TOKEN_PREFIX)]
    token = given[0] if given else connection.cookies.get(cookie)
    peer = connection.scope.get("state", {}).get(PEER)
    return Credentials(address_of(connection), token, peer, headers.get(FORWARDED_HEADER))


async def _refuse(error: ProblemError, scope: Scope, receive: Receive, send: Send, *, has_page: bool) -> None:
    """Answer with the problem. A WebSocket of a foreign page is told nothing; our own clients are told why."""
    if scope["type"] == "http":
        answer = problem_answer(error)
        if error.status == HTTP_401_UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = 'Bearer realm="ccx"'
        await answer(scope, receive, send)
    elif has_page:
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await refuse(socket, error)


def _note(connection: HTTPConnection, caller: Caller | None, outcome: int | str) -> None:
    """A line for whoever looks later: who did what from where, and what came of it."""
    audit.info(
        "audit",
        who=(caller.name or caller.kind) if caller else None,
        what=f"{connection.scope.get('method', 'WEBSOCKET')} {connection.scope['path']}",
        address=address_of(connection),
        outcome=outcome,
    )


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
