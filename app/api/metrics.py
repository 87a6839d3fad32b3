"""Metrics for Prometheus: what the rows say, and what this process answered."""

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from app.access.callers import check_admin
from app.db import Database
from app.queue.pings import HealthCheck, RoundTrip
from app.web.dependencies import CallerOf
from app.web.problems import responses
from app.web.request_metrics import RequestMetrics
from app.work import counts
from app.work.counts import Counts

router = APIRouter(tags=["health"])
KEPT = 2.0  # seconds for which one count serves everyone who asks
EXAMPLE = """# HELP eigenscope_runs Runs by state.
# TYPE eigenscope_runs gauge
eigenscope_runs{state="done"} 12.0
eigenscope_runs{state="running"} 1.0
"""
TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The metrics, in Prometheus' text format.",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}
CHECKPOINTS = "ingest"  # the task whose work a checkpoint is


class Gauges:
    """The metrics of one application: counts of its process, and of the rows at the time of the request."""

    def __init__(self, database: Database, pulse: HealthCheck, traffic: RequestMetrics) -> None:
        self._database, self._pulse, self._traffic = database, pulse, traffic
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self._lock = threading.Lock()
        self._last: tuple[float, Counts] | None = None

    def text(self) -> bytes:
        return generate_latest(self._registry) + generate_latest(self._traffic.registry)

    def collect(self) -> Iterator[Metric]:
        yield from of_rows(self._take_counts())
        yield from of_ping(self._pulse.probe())

    def _take_counts(self) -> Counts:
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > KEPT:
                with self._database.reading() as session:
                    self._last = (time.monotonic(), counts.take(session))
            return self._last[1]


def of_rows(counts: Counts) -> Iterator[Metric]:
    """The metrics that every process of an installation tells alike."""
    yield _gauge("runs", "Runs by state.", "state", counts.runs)
    yield _gauge("checkpoints", "Checkpoints by state.", "state", _counts_of(counts, CHECKPOINTS))
    work = GaugeMetricFamily("eigenscope_work", "Pieces of work by task and state.", labels=["task", "state"])
    for (task, state), count in counts.work.items():
        work.add_metric([task, state], count)
    yield work
    yield _gauge("oldest_waiting_seconds", "Age of the oldest waiting task.", "task", counts.oldest)
    yield _gauge("expired_leases", "Tasks whose worker stopped responding.", "task", counts.expired)
    yield _counter("reclaims", "Tasks claimed again after a failure.", "task", counts.reclaims)
    yield GaugeMetricFamily("eigenscope_results", "Measurements stored.", counts.results)
    yield GaugeMetricFamily("eigenscope_tensors_analysed", "Tensors with their rows, of stored runs.", counts.tensors)
    yield GaugeMetricFamily("eigenscope_stored_bytes", "Bytes of stored files.", counts.stored_bytes)


def of_ping(trip: RoundTrip) -> Iterator[Metric]:
    """Whether a worker answers, and how soon: no number where none did."""
    yield GaugeMetricFamily(
        "eigenscope_worker_up", "Whether a worker answered a ping.", float(trip.seconds is not None)
    )
    if trip.seconds is not None:
        yield GaugeMetricFamily("eigenscope_worker_ping_seconds", "A round trip through the queue.", trip.seconds)


def _counts_of(counts: Counts, task: str) -> dict[str, int]:
    return {state: count for (name, state), count in counts.work.items() if name == task}


def _gauge(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"eigenscope_{name}", meaning, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _counter(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"eigenscope_{name}", meaning, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


@router.get("/metrics", responses=TEXT | responses(401, 403, 421), response_class=Response, operation_id="get_metrics")
def metrics(request: Request, caller: CallerOf) -> Response:
    """Queue, runs, storage and workers, of all projects, from the rows, and this process' requests, for Prometheus.

    Rows are counted at most every two seconds. If no worker answers, the request takes three seconds longer.
    """
    check_admin(caller)
    gauges: Gauges = request.app.state.gauges
    return Response(gauges.text(), media_type=CONTENT_TYPE_LATEST)
