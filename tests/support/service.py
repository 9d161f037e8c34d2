"""The use case as a node has it, over a store and an executor that the test brings along."""

from __future__ import annotations

from typing import NoReturn

from ccx.errors import NodeNotFound
from ccx_orchestrator.cluster.dispatcher import Dispatcher
from ccx_orchestrator.cluster.overview import Cluster, ThisNode
from ccx_orchestrator.domain.dispatch import Capacity, Dispatch
from ccx_orchestrator.domain.scheduling import Backlog
from ccx_orchestrator.domain.unserved_lanes import UnservedLanes
from ccx_orchestrator.machine import LocalMachine
from ccx_orchestrator.metrics import Metrics
from ccx_orchestrator.ports.execution import Executor
from ccx_orchestrator.ports.languages import Catalogue
from ccx_orchestrator.ports.nodes import Peers
from ccx_orchestrator.ports.store import Keeper
from ccx_orchestrator.slave_link.link import NodeIdentity
from ccx_orchestrator.slave_link.peers import PeerLink
from ccx_orchestrator.submissions.admission_policy import AdmissionPolicy
from ccx_orchestrator.submissions.clock import Clock, utc_now
from ccx_orchestrator.submissions.service import Submissions
from tests.support.fakes import FakeCatalogue

UNSERVED_SECONDS = 60.0


class NoRoster:
    """Of a node alone."""

    def members(self) -> tuple[()]:
        return ()

    def find(self, name: str) -> NoReturn:
        raise NodeNotFound(f"There is no node {name!r} here.")

    def withdrawn(self, name: str) -> NoReturn:
        self.find(name)

    def announced(self, name: str, url: str) -> NoReturn:
        raise NodeNotFound(f"The node {name!r} at {url} is not taken in here.")


def submissions_over(
    store: Keeper,
    executor: Executor,
    slots: int = 1,
    bound: int = 100,
    *,
    catalogue: Catalogue | None = None,
    peers: Peers | None = None,
    policy: AdmissionPolicy | None = None,
    clock: Clock = utc_now,
) -> Submissions:
    """Submissions with the real dispatcher and so many slots; other nodes are known only where they share the store."""
    catalogue = catalogue or FakeCatalogue()
    here = Capacity(slots, 0, frozenset(catalogue.names()))
    dispatcher = Dispatcher(Dispatch(here), executor, {}, UnservedLanes(UNSERVED_SECONDS))
    submissions = Submissions(
        store,
        dispatcher,
        catalogue,
        Backlog(bound),
        passing=store,
        peers=peers or PeerLink(NodeIdentity("test")),
        meter=Metrics(),
        policy=policy or AdmissionPolicy(),
        clock=clock,
    )
    dispatcher.on_room = submissions.start_waiting
    return submissions


def cluster_over(submissions: Submissions, name: str = "test") -> Cluster:
    """What the routes about nodes ask, for a node that knows no other."""
    return Cluster(
        ThisNode(name, "1", utc_now()),
        submissions,
        FakeCatalogue(),
        submissions._active._placement,  # type: ignore[arg-type]
        NoRoster(),  # type: ignore[arg-type]
        LocalMachine(),
    )
