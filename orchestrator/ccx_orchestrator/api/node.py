"""What the routes need to know of their node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from starlette.requests import HTTPConnection

from ccx.errors import SubmissionNotFound
from ccx.wire import PoolHealth, Submission, SubmissionRequest
from ccx_orchestrator.access.connections import READ_SECONDS
from ccx_orchestrator.access.doorkeeper import Doorkeeper
from ccx_orchestrator.access.hosts import KnownHosts
from ccx_orchestrator.access.origins import KnownOrigins
from ccx_orchestrator.access.posture import Posture
from ccx_orchestrator.access.quotas import Quotas, Unfinished, held_to
from ccx_orchestrator.access.registrar import Registrar
from ccx_orchestrator.access.token_desk import TokenDesk
from ccx_orchestrator.api.clients import caller_of
from ccx_orchestrator.cluster.overview import Cluster
from ccx_orchestrator.ports.languages import Catalogue
from ccx_orchestrator.ports.tokens import NO_QUOTA
from ccx_orchestrator.submissions.console import Console
from ccx_orchestrator.submissions.request_context import RequestContext
from ccx_orchestrator.submissions.service import Submissions

NO_OTHER_HOSTS = KnownHosts()
NO_OTHER_ORIGINS = KnownOrigins()


NOTHING_COUNTED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission that was taken in; `headers` tell the caller what is left of its quota."""

    submission: Submission
    headers: Mapping[str, str]

    @property
    def id(self) -> str:
        """Of the submission."""
        return self.submission.id


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
    doorkeeper: Doorkeeper = field(default_factory=Doorkeeper)
    quotas: Quotas = field(default_factory=Quotas)
    desk: TokenDesk | None = None
    registrar: Registrar | None = None
    posture: Posture = Posture.LOCAL
    authority: Callable[[], bytes | None] = lambda: None
    hosts: KnownHosts = NO_OTHER_HOSTS
    origins: KnownOrigins = NO_OTHER_ORIGINS
    read_seconds: float = READ_SECONDS

    @staticmethod
    def sender_of(request: HTTPConnection) -> str | None:
        """The node that sends something on, None where it comes from a user. The door has checked that it is one."""
        return caller_of(request).sender

    async def accept(
        self,
        connection: HTTPConnection,
        request: SubmissionRequest,
        key: str | None = None,
        console: Console | None = None,
        *,
        is_attended: bool = False,
    ) -> Accepted:
        """Take in what a caller sends, as far as its quota goes. Raises what `Submissions.accept` does, and
        QuotaExceeded.
        """
        caller, master = caller_of(connection), self.sender_of(connection)
        context = RequestContext(caller.client, key, console, master, is_attended)
        if master is not None and self.cluster is not None:
            self.cluster.leases.note_work(master)
        left = NOTHING_COUNTED
        self.submissions.bound(caller.client, caller.quota.running)
        if caller.quota != NO_QUOTA:
            waiting, running = self.submissions.unfinished_of(caller.client)
            left = self.quotas.check(caller, request, Unfinished(waiting, running))
            default = self.catalogue.find(request.language).limits.default
            request = held_to(request, caller.quota.limits, default)
        submission = await self.submissions.accept(request, context)
        return Accepted(submission, left)

    async def check_owner(self, connection: HTTPConnection, submission_id: str) -> None:
        """Raises SubmissionNotFound where the submission is not the caller's to see: it must not even learn that it is
        there.
        """
        caller = caller_of(connection)
        if caller.sees(None):
            return
        if not caller.sees(await self.submissions.client_of(submission_id)):
            raise SubmissionNotFound(f"There is no submission {submission_id!r} here, or no longer.")
