from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ccx.wire import PoolHealth, State, Submission, Verdict
from ccx_orchestrator.domain.scheduling import Backlog, Entry
from ccx_orchestrator.metrics import MOST_OWNERS, Metrics
from ccx_orchestrator.tracing import TracingMeter

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def ended(verdict: Verdict = Verdict.OK, attempt: int = 1) -> Submission:
    return Submission(
        id="1",
        state=State.DONE,
        verdict=verdict,
        language="demo",
        attempt=attempt,
        created_at=NOW,
        started_at=NOW + timedelta(seconds=1),
        finished_at=NOW + timedelta(seconds=3),
    )


@dataclass(frozen=True)
class FakeSlots:
    slots: int
    running: int


def tell_all(metrics: Metrics) -> None:
    metrics.watch(Backlog(10), FakeSlots(2, 0))
    shelf = PoolHealth(language="demo", idle=1, starting=0, target=1, warm=3, cold=2, error=None)
    metrics.watch_pool(lambda: (shelf,))
    metrics.accepted("demo")
    metrics.refused("queue-full")
    metrics.started("demo", 1.0, 0.1)
    metrics.ended(ended(Verdict.INTERNAL_ERROR, attempt=2), "key alice")
    metrics.called_back(succeeded=True)


def test_what_owners_use_is_told_apart_up_to_a_bound_and_only_where_it_is_wanted() -> None:
    metrics = Metrics(by_owner=True)
    for number in range(MOST_OWNERS + 5):
        metrics.ended(ended(), f"key user-{number}")
    metrics.ended(ended(), "key user-0")
    page = metrics.page().decode()
    assert 'ccx_owner_submissions_total{owner="user-0"} 2.0' in page
    assert 'ccx_owner_submissions_total{owner="others"} 5.0' in page
    assert "ccx_owner_cpu_seconds_total" in page
    quiet = Metrics()
    tell_all(quiet)
    assert "alice" not in quiet.page().decode()


def test_what_happens_is_counted_and_timed() -> None:
    metrics = Metrics()
    tell_all(metrics)
    page = metrics.page().decode()
    assert 'ccx_submissions_total{language="demo",verdict="internal_error"} 1.0' in page
    assert 'ccx_submissions_refused_total{reason="queue-full"} 1.0' in page
    assert 'ccx_queue_wait_seconds_sum{language="demo"} 1.0' in page
    assert 'ccx_run_seconds_sum{language="demo"} 2.0' in page
    assert "ccx_failures_total 1.0" in page


def test_the_queue_is_shown_as_it_is() -> None:
    metrics, backlog = Metrics(), Backlog(10)
    metrics.watch(backlog, FakeSlots(1, 1))
    for name in "ab":
        backlog.enter(Entry(name, size_bytes=7))
    backlog.admit(lambda submission: submission == "a")
    page = metrics.page().decode()
    for line in ("ccx_queue_depth 1.0", "ccx_queue_bytes 7.0", "ccx_slots 1.0", "ccx_slots_taken 1.0"):
        assert line in page


def test_every_metric_is_documented_and_no_other() -> None:
    metrics = Metrics()
    tell_all(metrics)
    made = {family.name for family in metrics.registry.collect()}
    documented = set(re.findall(r"^\| `(ccx_\w+?)(?:_total)?`", DOCUMENT.read_text(), re.MULTILINE))
    assert made == documented


def test_a_submission_is_a_trace_of_its_waiting_and_running() -> None:
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    TracingMeter(Metrics(), provider).ended(ended(), "key alice")
    provider.shutdown()
    found = {span.name: span for span in spans.get_finished_spans()}
    seconds = {name: ((span.end_time or 0) - (span.start_time or 0)) / 1e9 for name, span in found.items()}
    assert seconds == {"submission": 3.0, "queue": 1.0, "run": 2.0}
    whole = found["submission"]
    assert all(span.parent and span.parent.span_id == whole.context.span_id for span in found.values() if span != whole)
    assert dict(whole.attributes or {})["ccx.verdict"] == "ok"


def test_pool_hits_and_misses_are_counted() -> None:
    metrics = Metrics()
    tell_all(metrics)
    page = metrics.page().decode()
    assert 'ccx_sandboxes_total{language="demo",origin="warm"} 3.0' in page
    assert 'ccx_sandboxes_total{language="demo",origin="cold"} 2.0' in page
