"""ccx: run Python, Java and C programs, each in a throwaway container of its own.

This package is the client: the wire models (`ccx.wire`), the error tree (`ccx.errors`), the SDK and the command line.
It never imports the orchestrator, except for the lazy hook with which `ccx run` starts an embedded node.

    ccx.run("print(6 * 7)", "python").cases[0].stdout
"""

from ccx.batch import Outcome
from ccx.client import Client
from ccx.sync import SyncClient, run

__all__ = ["Client", "Outcome", "SyncClient", "run"]
