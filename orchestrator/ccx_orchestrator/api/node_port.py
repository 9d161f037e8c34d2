"""The port at which nodes of the cluster call. Whoever has no certificate of the cluster may ask for one there, and for
nothing else; browsers never come here, so names and origins are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from ccx.errors import NotOfTheCluster
from ccx_orchestrator.api.problems import problem_answer
from ccx_orchestrator.strict_protocol import PEER

OF_NODES_ALONE = "of_nodes_alone"
_FOR_JOINING = {"/v1/cluster/authorities", "/v1/cluster/join"}


@dataclass(frozen=True, slots=True)
class NodePort:
    """Lets through nodes, and those who want to be one."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        state = scope.setdefault("state", {})
        if state.get(PEER) is not None or scope.get("path") in _FOR_JOINING:
            state[OF_NODES_ALONE] = True
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            error = NotOfTheCluster("Whoever calls here needs a certificate of the cluster.")
            await problem_answer(error)(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
