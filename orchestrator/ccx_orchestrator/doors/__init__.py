"""Doors for clients of other systems: their requests become ours, our results theirs. A door decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastapi import APIRouter, FastAPI

from ccx_orchestrator.api.node import Node
from ccx_orchestrator.doors.piston.routes import PREFIXES, piston_routes
from ccx_orchestrator.doors.piston.socket import piston_socket

_DOORS: dict[str, Callable[[Node], tuple[APIRouter, ...]]] = {
    "piston": lambda node: (piston_socket(node, PREFIXES), piston_routes(node)),
}


def open_doors(app: FastAPI, node: Node, names: Iterable[str]) -> None:
    """Have the application answer at the addresses of those systems."""
    for name in names:
        for routes in _DOORS[name](node):
            app.include_router(routes)
