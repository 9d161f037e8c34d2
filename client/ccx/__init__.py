"""ccx: run Python, Java and C programs, each in a throwaway container of its own.

This package is the client: the wire models (`ccx.wire`), the error tree (`ccx.errors`), the SDK (`ccx.Client`) and
the command line. It never imports the orchestrator, except for the lazy hook with which `ccx run` starts an embedded
node.
"""

from ccx.client import Client

__all__ = ["Client"]
