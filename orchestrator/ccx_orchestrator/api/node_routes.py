"""The routes about nodes: who there is, joining and leaving, draining, what machines are doing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from ccx.events import type_of_ndjson
from ccx.wire import Announcement, Lease, NodeInfo, NodeReport, Usage
from ccx_orchestrator.api.clients import caller_of
from ccx_orchestrator.api.openapi import feed, refusals
from ccx_orchestrator.api.streaming import NDJSON, SSE, EventStreamResponse, Form, form_asked_for, frames
from ccx_orchestrator.cluster.overview import Cluster
from ccx_orchestrator.submissions.reading.event_stream import Line

NodeName = Annotated[str, Path(max_length=300, description="Its name, or its URL.")]


def node_routes(cluster: Cluster) -> APIRouter:
    """`/v1/nodes` and `/v1/leases`."""
    routes = APIRouter(prefix="/v1", tags=["nodes"])

    @routes.get("/nodes")
    async def list_nodes(request: Request) -> tuple[NodeInfo, ...]:
        """All nodes this one knows, itself first."""
        return cluster.nodes_for(caller_of(request).sees)

    @routes.get("/events", response_class=Response, responses=feed() | refusals(401, 422))
    async def watch(
        request: Request,
        last: Annotated[
            str | None,
            Header(alias="Last-Event-ID", max_length=64, description="Go on after this event. Left out: from now on."),
        ] = None,
    ) -> EventStreamResponse:
        """What happens to nodes and to the submissions that you may see, as server-sent events or lines of JSON."""
        form = form_asked_for(request) or SSE
        return EventStreamResponse(frames(cluster.feed.lines(caller_of(request).sees, last), form), form.media_type)

    @routes.put("/nodes/{name}", responses=refusals(401, 403, 422))
    async def announce_node(name: NodeName, announcement: Announcement, request: Request) -> NodeInfo:
        """A node takes overflow. To be said again every few seconds."""
        return cluster.announce(name, announcement, request.client.host if request.client else "127.0.0.1")

    @routes.delete("/nodes/{name}", responses=refusals(401, 403, 404, 422))
    async def withdraw_node(name: NodeName) -> NodeInfo:
        """A node takes no more overflow; what it has comes to its end."""
        return cluster.withdraw(name)

    @routes.post("/nodes/{name}/drain", responses=refusals(401, 403, 404, 422, 503))
    async def drain_node(name: NodeName) -> NodeInfo:
        """Have a node finish what it has and take nothing new."""
        return await cluster.drain(name, on=True)

    @routes.delete("/nodes/{name}/drain", responses=refusals(401, 403, 404, 422, 503))
    async def resume_node(name: NodeName) -> NodeInfo:
        """Have a node take work again."""
        return await cluster.drain(name, on=False)

    @routes.get("/nodes/{name}/usage", response_model=None, responses=refusals(401, 404, 422))
    async def watch_usage(name: NodeName, request: Request) -> EventStreamResponse:
        """What a node's machine is doing: a reading a second, as server-sent events or lines of JSON."""
        form = NDJSON if type_of_ndjson in request.headers.get("accept", "") else SSE
        return EventStreamResponse(_written(cluster.usage(name), form), form.media_type)

    @routes.put("/leases/{master}", responses=refusals(401, 403, 422))
    async def renew_lease(master: str, lease: Lease, request: Request) -> NodeReport:
        """A master says that it lives, and whom to trust; the answer is what this node tells of itself."""
        return cluster.renew(caller_of(request).sender or master, lease)

    return routes


async def _written(readings: AsyncIterator[Usage], form: Form) -> AsyncGenerator[bytes]:
    yield form.preamble
    async for reading in readings:
        yield form.write(Line(None, "usage", reading.model_dump_json().encode()))
