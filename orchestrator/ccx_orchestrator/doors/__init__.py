"""Doors for clients of other systems: their requests become ours, our results theirs. A door decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial

from fastapi import APIRouter, FastAPI

from ccx_orchestrator.api.node import Node
from ccx_orchestrator.doors.jobe.routes import jobe_routes
from ccx_orchestrator.doors.judge0.results import judge0_result
from ccx_orchestrator.doors.judge0.routes import judge0_routes
from ccx_orchestrator.doors.mcp.door import mcp_door
from ccx_orchestrator.doors.piston.routes import PREFIXES, piston_routes
from ccx_orchestrator.doors.piston.socket import piston_socket
from ccx_orchestrator.ports.callbacks import Form

Routes = tuple[APIRouter, ...]

_DOORS: dict[str, Callable[[Node], AbstractAsyncContextManager[Routes]]] = {
    "jobe": lambda node: nullcontext((jobe_routes(node),)),
    "judge0": lambda node: nullcontext((judge0_routes(node),)),
    "mcp": mcp_door,
    "piston": lambda node: nullcontext((piston_socket(node, PREFIXES), piston_routes(node))),
}


def callback_forms(node: Node) -> dict[str, Form]:
    """How those systems tell results, by name."""
    return {"judge0": Form("PUT", partial(judge0_result, node))}


@asynccontextmanager
async def open_doors(app: FastAPI, node: Node, names: Iterable[str]) -> AsyncIterator[None]:
    """Have the application answer at the addresses of those systems, for as long as the context lasts."""
    async with AsyncExitStack() as doors:
        for name in names:
            for routes in await doors.enter_async_context(_DOORS[name](node)):
                app.include_router(routes)
        yield
