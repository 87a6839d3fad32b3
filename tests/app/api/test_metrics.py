"""Metrics: the rows' truth in Prometheus' words, for who may read."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.api import metrics
from app.db import now
from app.models import Ping
from tests.service import Service, model, settings


def sampled(service: Service) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample, by its name and the values of its labels."""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "KEPT", 0.0)
    monkeypatch.setattr("app.queue.pings.PATIENCE", 0.0)


def answering(service: Service) -> None:
    def answer(identity: int) -> None:
        with service.everything.writing() as session:
            session.get_one(Ping, identity).answered_at = now()

    service.workers.ping = answer  # type: ignore[method-assign]


def test_the_rows_are_told(analysed: Service) -> None:
    answering(analysed)
    analysed.run(1)
    found = sampled(analysed)
    assert found[("eigenscope_runs", ("done",))] == 1
    assert found[("eigenscope_runs", ("running",))] == 1
    assert found[("eigenscope_checkpoints", ("ready",))] == 1
    assert found[("eigenscope_work", ("queued", "analyse"))] >= 1
    assert found[("eigenscope_oldest_waiting_seconds", ("analyse",))] >= 0
    assert found[("eigenscope_expired_leases", ("analyse",))] == 0
    assert found[("eigenscope_reclaims_total", ("ingest",))] == 0
    assert (found[("eigenscope_results", ())], found[("eigenscope_tensors_analysed", ())]) == (15, 5)
    assert found[("eigenscope_stored_bytes", ())] == len(model())
    assert found[("eigenscope_requests_total", ("POST", "/api/v1/runs", "201"))] == 1


def test_a_worker_that_answers_is_up(service: Service) -> None:
    answering(service)
    found = sampled(service)
    assert found[("eigenscope_worker_up", ())] == 1
    assert found[("eigenscope_worker_ping_seconds", ())] >= 0


def test_one_that_does_not_is_down_and_has_no_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.app.state.pulse.probe.__func__, "__defaults__", (0.0,))
    found = sampled(service)
    assert found[("eigenscope_worker_up", ())] == 0
    assert ("eigenscope_worker_ping_seconds", ()) not in found


def test_one_count_serves_all_who_ask_within_a_moment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(service)
    monkeypatch.setattr(metrics, "KEPT", 60.0)
    first = sampled(service)
    service.upload(model())
    assert sampled(service)[("eigenscope_stored_bytes", ())] == first[("eigenscope_stored_bytes", ())] == 0


def test_they_are_not_for_strangers(tmp_path: Path) -> None:
    service = Service(settings(tmp_path, token="correct horse battery"))
    answering(service)
    assert service.client.get("/metrics").status_code == 401
    allowed = service.caller("correct horse battery").get("/metrics")
    assert allowed.status_code == 200
    assert allowed.headers["content-type"].startswith("text/plain")
    service.close()
