"""Traces for an OpenTelemetry collector, where the extra `otel` is installed and `OTEL_EXPORTER_OTLP_ENDPOINT` says
where one is. A submission is a span with two in it: `queue` and `run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import structlog

from ccx.wire import Submission, Verdict
from ccx_orchestrator.ports.metering import Meter

log = structlog.get_logger(__name__)


class TracingMeter:
    """Passes all on to another meter, and makes a trace of every submission that ends: all its times are known then."""

    def __init__(self, meter: Meter, provider: Any) -> None:
        self._meter = meter
        self._tracer = provider.get_tracer("ccx")

    def accepted(self, language: str) -> None:
        """See `ports.Meter`."""
        self._meter.accepted(language)

    def refused(self, reason: str) -> None:
        """See `ports.Meter`."""
        self._meter.refused(reason)

    def started(self, language: str, waited_seconds: float, sandbox_seconds: float) -> None:
        """See `ports.Meter`."""
        self._meter.started(language, waited_seconds, sandbox_seconds)

    def called_back(self, *, succeeded: bool) -> None:
        """See `ports.Meter`."""
        self._meter.called_back(succeeded=succeeded)

    def ended(self, submission: Submission, owner: str) -> None:
        """See `ports.Meter`."""
        self._meter.ended(submission, owner)
        finished_at = submission.finished_at or submission.created_at
        started_at = submission.started_at or finished_at
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        attributes = {
            "ccx.submission": submission.id,
            "ccx.language": submission.language,
            "ccx.verdict": str(submission.verdict),
            "ccx.node": submission.node or "",
            "ccx.attempt": submission.attempt,
        }
        whole = self._tracer.start_span("submission", start_time=_ns(submission.created_at), attributes=attributes)
        if submission.verdict is Verdict.INTERNAL_ERROR:
            whole.set_status(Status(StatusCode.ERROR, submission.message))
        context = set_span_in_context(whole)
        for name, begin, end in (
            ("queue", submission.created_at, started_at),
            ("run", submission.started_at, finished_at),
        ):
            if begin is not None:
                self._tracer.start_span(name, context=context, start_time=_ns(begin)).end(end_time=_ns(end))
        whole.end(end_time=_ns(finished_at))


@contextmanager
def traced(meter: Meter, node: str, *, is_wanted: bool) -> Iterator[Meter]:
    """The meter, with traces where they are wanted and can be had. At the end all are handed over."""
    provider = _provider(node) if is_wanted else None
    if provider is None:
        yield meter
        return
    try:
        yield TracingMeter(meter, provider)
    finally:
        provider.shutdown()


def _provider(node: str) -> Any | None:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("traces are wanted but cannot be made: install ccx[otel]")
        return None
    provider = TracerProvider(resource=Resource.create({"service.name": "ccx", "service.instance.id": node}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
