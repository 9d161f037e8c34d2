"""ccx: run Python, Java and C programs, each in a throwaway container of its own.

This package is the client: the wire models (`ccx.wire`), the error tree (`ccx.errors`), the SDK and the command line.
It never imports the orchestrator, except for the lazy hook with which `ccx run` starts an embedded node.

    ccx.run("print(6 * 7)", "python").cases[0].stdout
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ccx.batch import Outcome
    from ccx.client import Client
    from ccx.sync import SyncClient, run

__all__ = ["Client", "Outcome", "SyncClient", "run"]

_PLACES = {"Client": "client", "Outcome": "batch", "SyncClient": "sync", "run": "sync"}


def __getattr__(name: str) -> Any:
    """Import each name on need: the command line goes through this module and is to be there at once."""
    if name not in _PLACES:
        raise AttributeError(f"module 'ccx' has no attribute {name!r}")
    return getattr(import_module(f"ccx.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
