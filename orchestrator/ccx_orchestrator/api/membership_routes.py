"""The routes by which nodes become, are and cease to be nodes of the cluster."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ccx.errors import NotOfTheCluster, RouteNotFound
from ccx.wire import CertificateRequest, JoinRequest, JoinToken, JoinTokenRequest, Member, NodeCertificate
from ccx_orchestrator.access.registrar import Registrar
from ccx_orchestrator.api.access_routes import type_of_certificate
from ccx_orchestrator.api.clients import address_of
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.node_port import OF_NODES_ALONE
from ccx_orchestrator.api.openapi import refusals
from ccx_orchestrator.strict_protocol import PEER

MemberName = Annotated[str, Path(max_length=64, description="The node's name.")]


def membership_routes(node: Node) -> APIRouter:
    """`/v1/cluster`."""
    routes = APIRouter(prefix="/v1/cluster", tags=["cluster"])

    @routes.get("/authorities", response_class=Response, responses=refusals(403, 404))
    async def get_cluster_authorities(request: Request) -> Response:
        """The certificates of those who sign for nodes, in PEM, the oldest first. A node that joins compares their
        SHA-256 with its join token.
        """
        _check_port(request)
        trust = await _registrar(node).trust()
        return Response("".join(trust.authorities), media_type=type_of_certificate)

    @routes.post("/join", responses=refusals(403, 404, 409, 422, 429))
    async def join_cluster(asked: JoinRequest, request: Request) -> NodeCertificate:
        """A node shows a join token, and gets its first certificate."""
        _check_port(request)
        return await _registrar(node).join(asked, address_of(request))

    @routes.post("/certificate", responses=refusals(403, 404, 422))
    async def renew_certificate(asked: CertificateRequest, request: Request) -> NodeCertificate:
        """A node of the cluster gets another certificate, under the name it has."""
        peer = getattr(request.state, PEER, None)
        if peer is None:
            raise NotOfTheCluster("A new certificate is for nodes that have one.")
        return await _registrar(node).renew(peer, asked.request.encode())

    @routes.post("/join-tokens", status_code=201, responses=refusals(401, 403, 404, 422))
    async def create_join_token(asked: JoinTokenRequest) -> JoinToken:
        """A token by which one node joins, or several. This answer is the only one that shows it."""
        return await _registrar(node).make_join_token(asked)

    @routes.get("/members", responses=refusals(401, 403, 404))
    async def list_members() -> tuple[Member, ...]:
        """The nodes that have, or had, a certificate that has not ended."""
        return await _registrar(node).members()

    @routes.delete("/members/{name}", status_code=204, responses=refusals(401, 403, 404, 422))
    async def revoke_node(name: MemberName) -> None:
        """A node is none of the cluster any more, within seconds everywhere."""
        await _registrar(node).revoke(name)

    return routes


def _check_port(request: Request) -> None:
    """A join token is shown where the certificate is the cluster's. Raises NotOfTheCluster."""
    if not getattr(request.state, OF_NODES_ALONE, False):
        raise NotOfTheCluster("Nodes join at the port that is for them (8701 unless set otherwise).")


def _registrar(node: Node) -> Registrar:
    if node.registrar is None:
        raise RouteNotFound("This node lets no nodes in: that is for a master whose cluster has an authority.")
    return node.registrar
