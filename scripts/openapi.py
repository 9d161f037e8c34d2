"""Prints what a node describes at /openapi.json, without a node: what a client is generated from."""

from __future__ import annotations

import json
from typing import Any, cast

from ccx_orchestrator.api.app import create_app
from ccx_orchestrator.api.node import Node


class Nothing:
    """Stands for what a description does not ask."""

    def __getattr__(self, name: str) -> Any:
        return Nothing()


def main() -> None:
    """To standard output."""
    nothing = cast("Any", Nothing())
    app = create_app(Node("openapi", nothing, nothing, 1, bytes, cluster=nothing))
    print(json.dumps(app.openapi(), indent=1))


main()
