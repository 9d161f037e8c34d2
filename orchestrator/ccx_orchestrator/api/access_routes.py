"""The routes about who is there: oneself, sessions of the page, tokens."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ccx.errors import RouteNotFound
from ccx.wire import Identity, NewToken, SignIn, TokenInfo, TokenRequest
from ccx.wire.access import NAME_PATTERN
from ccx_orchestrator.access.caller import Caller
from ccx_orchestrator.access.doorkeeper import Credentials, nobody_is_asked
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.api.clients import address_of, caller_of
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.openapi import refusals

SESSION_SECONDS = 12 * 3600
type_of_certificate = "application/x-pem-file"

TokenName = Annotated[str, Path(pattern=NAME_PATTERN, description="The token's name.")]


def access_routes(node: Node) -> APIRouter:
    """`/v1/whoami`, `/v1/session` and `/v1/tokens`."""
    routes = APIRouter(prefix="/v1", tags=["access"])

    @routes.get("/whoami", responses=refusals(401))
    async def who_am_i(request: Request) -> Identity:
        """For whom the node takes you, and what you may do."""
        return _identity(node, caller_of(request))

    @routes.get("/ca", response_class=Response, responses=refusals(404))
    async def get_authority() -> Response:
        """The certificate of the node's own authority, in PEM. Compare its SHA-256 with what the node shows as it
        starts before you trust it.
        """
        if (authority := await asyncio.to_thread(node.authority)) is None:
            raise RouteNotFound("This node has no authority of its own: it serves without TLS, or by another's.")
        return Response(authority, media_type=type_of_certificate)

    @routes.post("/session", responses=refusals(401, 422, 429))
    async def sign_in(asked: SignIn, request: Request, response: Response) -> Identity:
        """Have a browser send this token by itself, as a cookie that no script can read, for half a day."""
        caller = await node.doorkeeper.caller(Credentials(address_of(request), token=asked.token.strip()))
        response.set_cookie(
            session_cookie(node.name),
            asked.token.strip(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return _identity(node, caller)

    @routes.delete("/session", status_code=204)
    async def sign_out(response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(session_cookie(node.name), httponly=True, samesite="strict")

    @routes.get("/tokens", responses=refusals(401, 403))
    async def list_tokens() -> tuple[TokenInfo, ...]:
        """All tokens, without what makes them secret."""
        return await _desk(node).all()

    @routes.post("/tokens", status_code=201, responses=refusals(401, 403, 409, 422))
    async def create_token(asked: TokenRequest) -> NewToken:
        """A new token. This answer is the only one that shows it."""
        return await _desk(node).create(asked)

    @routes.post("/tokens/{name}/rotate", responses=refusals(401, 403, 404, 422))
    async def rotate_token(name: TokenName) -> NewToken:
        """Another token of the same name, role, quota and submissions. The old one ends within seconds."""
        return await _desk(node).rotate(name)

    @routes.delete("/tokens/{name}", status_code=204, responses=refusals(401, 403, 404, 422))
    async def revoke_token(name: TokenName) -> None:
        """A token ends, within seconds. What it has sent stays, for operators."""
        await _desk(node).revoke(name)

    return routes


@cache
def session_cookie(node_name: str) -> str:
    """The name of the cookie. It carries the node's: a browser sends cookies to every port of a host."""
    return f"ccx-{re.sub(r'[^A-Za-z0-9_-]', '-', node_name)}"


def _desk(node: Node) -> TokenDesk:
    if node.desk is None:
        raise nobody_is_asked()
    return node.desk


def _identity(node: Node, caller: Caller) -> Identity:
    return Identity(
        name=caller.name,
        role=caller.kind,
        may=tuple(sorted(caller.rights)),
        asks_for_tokens=node.doorkeeper.asks,
        quota=caller.quota,
    )
