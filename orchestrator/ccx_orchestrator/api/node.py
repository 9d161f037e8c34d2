"""What the routes need to know of their node."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from ccx.errors import NotOfTheCluster
from ccx.wire import FORWARDED_HEADER, TOKEN_HEADER, PoolHealth
from ccx_orchestrator.access.connections import READ_SECONDS
from ccx_orchestrator.access.hosts import KnownHosts
from ccx_orchestrator.access.origins import KnownOrigins
from ccx_orchestrator.cluster.overview import Cluster
from ccx_orchestrator.ports.languages import Catalogue
from ccx_orchestrator.submissions.service import Submissions


@dataclass(frozen=True, slots=True)
class Gate:
    """What nodes say to each other asks for the cluster's token, where there is one."""

    token: str | None

    def check(self, given: str | None) -> None:
        """Raises NotOfTheCluster."""
        if self.token is not None and not hmac.compare_digest(self.token.encode(), (given or "").encode()):
            raise NotOfTheCluster(f"This needs the cluster's token in the header {TOKEN_HEADER}.")


OPEN_GATE = Gate(None)
NO_OTHER_HOSTS = KnownHosts()
NO_OTHER_ORIGINS = KnownOrigins()


@dataclass(frozen=True, slots=True)
class Node:
    """What the routes need to know."""

    name: str
    submissions: Submissions
    catalogue: Catalogue
    max_body_bytes: int
    metrics: Callable[[], bytes]
    pool: Callable[[], tuple[PoolHealth, ...]] = tuple
    cluster: Cluster | None = None
    gate: Gate = OPEN_GATE
    hosts: KnownHosts = NO_OTHER_HOSTS
    origins: KnownOrigins = NO_OTHER_ORIGINS
    read_seconds: float = READ_SECONDS

    def sender_of(self, request: HTTPConnection) -> str | None:
        """The node that sends something on, None where it comes from a user. Raises NotOfTheCluster."""
        sender = request.headers.get(FORWARDED_HEADER)
        if sender is not None:
            self.gate.check(request.headers.get(TOKEN_HEADER))
        return sender

    def master_of(self, request: HTTPConnection) -> str | None:
        """The node that sends a submission on, None for one of a user. Raises NotOfTheCluster."""
        master = self.sender_of(request)
        if master is not None and self.cluster is not None:
            self.cluster.leases.note_work(master)
        return master
