"""The routes that tell of this node: its languages, its health, its counters."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from ccx.errors import ProblemError
from ccx.wire import Health, LanguageInfo
from ccx_orchestrator.api.node import Node
from ccx_orchestrator.api.openapi import refusals

VERSION = version("ccx")

type_of_metrics = "text/plain; version=0.0.4; charset=utf-8"


def status_routes(node: Node) -> APIRouter:
    """`/v1/languages`, `/metrics` and `/healthz`."""
    routes = APIRouter(tags=["node"])

    @routes.get("/v1/languages", responses=refusals(422))
    async def list_languages(
        without_image: Annotated[
            bool, Query(description="Those instead that it would serve, had they an image: theirs is empty.")
        ] = False,
    ) -> tuple[LanguageInfo, ...]:
        """The languages this node serves."""
        return node.catalogue.lacking() if without_image else node.catalogue.all()

    @routes.get("/metrics", response_class=Response)
    async def get_metrics() -> Response:
        """Counters and times, for Prometheus."""
        return Response(node.metrics(), media_type=type_of_metrics)

    @routes.head("/healthz", include_in_schema=False)
    @routes.get("/healthz")
    async def get_health() -> Health:
        """Whether the node is up. Always 200 while it is: see `status` for whether it can do its work."""
        error: ProblemError | None = node.submissions.engine_error
        backlog = node.submissions.backlog
        pool, trouble = node.pool(), node.submissions.store_trouble
        is_degraded = bool(error) or bool(trouble) or any(shelf.error for shelf in pool)
        return Health(
            status=_status(node, is_degraded=is_degraded),
            node=node.name,
            version=VERSION,
            engine=str(error) if error else "ok",
            store=f"The store of submissions {trouble}." if trouble else "ok",
            running=node.submissions.running_here,
            queued=backlog.waiting,
            slots=node.submissions.slots,
            pool=pool,
            posture=node.posture.value,
        )

    return routes


def _status(node: Node, *, is_degraded: bool) -> Literal["ok", "degraded", "draining"]:
    if not node.submissions.takes_new:
        return "draining"
    return "degraded" if is_degraded else "ok"
