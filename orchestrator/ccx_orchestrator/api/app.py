"""The native HTTP API, version 1."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from ccx_orchestrator.api import problems
from ccx_orchestrator.api.access_routes import access_routes
from ccx_orchestrator.api.guards import Guard, SecurityHeaders
from ccx_orchestrator.api.http_manners import HeadAsGet, ZippedAnswers, refuse_unknown_parameters
from ccx_orchestrator.api.interactive import interactive_routes
from ccx_orchestrator.api.membership_routes import membership_routes
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.node_routes import node_routes
from ccx_orchestrator.api.openapi import operation_id, with_our_errors
from ccx_orchestrator.api.reading_routes import reading_routes
from ccx_orchestrator.api.status_routes import VERSION, status_routes
from ccx_orchestrator.api.submission_routes import submission_routes

DESCRIPTION = """
Send a program, get its output and a precise verdict back. What the program does is a **verdict** in a 200 answer; an
answer of 4xx or
5xx is an RFC 9457 problem and means that nothing was run.
"""


def create_app(node: Node) -> FastAPI:
    """The application of one node."""
    app = FastAPIOffline(
        title="ccx",
        version=VERSION,
        description=DESCRIPTION,
        redoc_url=None,
        servers=[{"url": "/", "description": "this node"}],
        generate_unique_id_function=operation_id,
        dependencies=[Depends(refuse_unknown_parameters)],
    )
    app.add_middleware(ZippedAnswers)
    app.add_middleware(HeadAsGet)
    if node.origins.allowed:
        app.add_middleware(CORSMiddleware, allow_origins=node.origins.allowed, allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(Guard, node=node)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    for routes in (submission_routes, reading_routes, status_routes, access_routes, membership_routes):
        app.include_router(routes(node))
    if node.cluster is not None:
        app.include_router(node_routes(node.cluster))
    app.include_router(interactive_routes(node))
    app.openapi = with_our_errors(app)  # type: ignore[method-assign]
    return app
