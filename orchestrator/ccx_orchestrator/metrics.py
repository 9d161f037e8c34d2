"""What the node counts and times, in Prometheus form. `docs/metrics.md` says what each name means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ccx.wire import PoolHealth, Submission, Verdict
from ccx_orchestrator.domain.scheduling import Backlog
from ccx_orchestrator.ports.tokens import OWNER_PREFIX

MOST_OWNERS = 200
OTHERS = "others"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class Slots(Protocol):
    """Who knows of a node's slots."""

    @property
    def slots(self) -> int:
        """How many there are."""

    @property
    def running(self) -> int:
        """How many submissions run, here or on other nodes."""


class Metrics:
    """`ports.Meter`, and the page it makes. Every node of a process has its own. `by_owner`: it tells what each owner
    has used as well, for the first MOST_OWNERS of them.
    """

    def __init__(self, *, by_owner: bool = False) -> None:
        self._by_owner = by_owner
        self._owners: set[str] = set()
        self.registry = CollectorRegistry()
        # Known from the start, so that a rate can be told from the first one on.
        self._accepted = self._counter("ccx_submissions_accepted", "Submissions taken in.", "language")
        self._refused = self._counter(
            "ccx_submissions_refused", "Submissions refused, by the problem's type.", "reason"
        )
        self._ended = self._counter("ccx_submissions", "Submissions that ended here.", "language", "verdict")
        self._retried = self._counter("ccx_submissions_retried", "Submissions that ended after more than one attempt.")
        self._failures = self._counter("ccx_failures", "Submissions that ended as internal_error: faults of ours.")
        self._callbacks = self._counter("ccx_callbacks", "Calls of callback_url, by outcome.", "outcome")
        self._owned = self._counter("ccx_owner_submissions", "Submissions that ended here, by owner.", "owner")
        self._used = self._counter("ccx_owner_cpu_seconds", "CPU time of their cases, by owner.", "owner")
        self._waited = self._histogram("ccx_queue_wait_seconds", "From acceptance to a slot.", "language")
        self._sandbox = self._histogram("ccx_sandbox_start_seconds", "From a slot to a sandbox that runs.", "language")
        self._ran = self._histogram("ccx_run_seconds", "From the start of the sandbox to the end.", "language")

    def watch(self, backlog: Backlog, slots: Slots) -> None:
        """Show this queue and its slots, as they are whenever somebody looks."""
        self._gauge("ccx_queue_depth", "Submissions that wait.").set_function(lambda: backlog.waiting)
        self._gauge("ccx_queue_bytes", "Bytes of submissions that wait.").set_function(lambda: backlog.waiting_bytes)
        self._gauge("ccx_slots", "Submissions that may run at a time.").set_function(lambda: slots.slots)
        self._gauge("ccx_slots_taken", "Submissions that run.").set_function(lambda: slots.running)

    def watch_pool(self, health: Callable[[], tuple[PoolHealth, ...]]) -> None:
        """Show where sandboxes come from, as the pool tells it whenever somebody looks."""
        self.registry.register(_PoolCollector(health))

    def page(self) -> bytes:
        """All of it, for Prometheus."""
        return generate_latest(self.registry)

    def accepted(self, language: str) -> None:
        """See `ports.Meter`."""
        self._accepted.labels(language).inc()

    def refused(self, reason: str) -> None:
        """See `ports.Meter`."""
        self._refused.labels(reason).inc()

    def started(self, language: str, waited_seconds: float, sandbox_seconds: float) -> None:
        """See `ports.Meter`."""
        self._waited.labels(language).observe(waited_seconds)
        self._sandbox.labels(language).observe(sandbox_seconds)

    def ended(self, submission: Submission, owner: str) -> None:
        """See `ports.Meter`."""
        if self._by_owner:
            name = self._owner(owner)
            self._owned.labels(name).inc()
            self._used.labels(name).inc(sum(case.cpu_seconds for case in submission.cases))
        self._ended.labels(submission.language, submission.verdict or "").inc()
        if submission.started_at and submission.finished_at:
            seconds = (submission.finished_at - submission.started_at).total_seconds()
            self._ran.labels(submission.language).observe(seconds)
        if submission.attempt > 1:
            self._retried.inc()
        if submission.verdict is Verdict.INTERNAL_ERROR:
            self._failures.inc()

    def _owner(self, owner: str) -> str:
        """The owner, or OTHERS where there are too many to tell apart."""
        if owner not in self._owners and len(self._owners) >= MOST_OWNERS:
            return OTHERS
        self._owners.add(owner)
        return owner.removeprefix(OWNER_PREFIX)

    def called_back(self, *, succeeded: bool) -> None:
        """See `ports.Meter`."""
        self._callbacks.labels("ok" if succeeded else "failed").inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=SECONDS)


class _PoolCollector(Collector):
    """The pool keeps its own counts; they are read when the page is made."""

    def __init__(self, health: Callable[[], tuple[PoolHealth, ...]]) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """Pool hits and misses, and what is in stock."""
        taken = CounterMetricFamily(
            "ccx_sandboxes", "Sandboxes taken: warm ones were in the pool.", labels=["language", "origin"]
        )
        idle = GaugeMetricFamily("ccx_pool_idle", "Sandboxes that wait for a submission.", labels=["language"])
        for shelf in self._health():
            taken.add_metric([shelf.language, "warm"], shelf.warm)
            taken.add_metric([shelf.language, "cold"], shelf.cold)
            idle.add_metric([shelf.language], shelf.idle)
        yield from (taken, idle)
