"""Checkpoints, runs and verdicts out of the API's JSON."""

import pytest

from app.client.records import Checkpoint, Run, Verdict
from tests.service import Service


def test_they_are_read_from_what_the_api_answers(analysed: Service) -> None:
    checkpoint = Checkpoint.parse(analysed.get("/api/v1/checkpoints/1"), "http://there")
    assert (checkpoint.state, checkpoint.kind, checkpoint.parameters, checkpoint.code) == ("ready", "model", 4512, None)
    run = Run.parse(analysed.get("/api/v1/runs/1"), "http://there")
    assert (run.state, run.checkpoints, {"esd", "norms"} <= set(run.diagnostics)) == ("done", (1,), True)
    assert (run.url, run.message) == ("http://there/runs/1", None)
    policy = {"policy": "rules:\n  - {column: esd.alpha, aggregate: median, between: [2, 6]}\n"}
    verdict = Verdict.parse(analysed.client.post("/api/v1/runs/1/verdicts", json=policy).json())
    assert (verdict.id, verdict.rules[0]["outcome"] in ("pass", "fail", "insufficient")) == (1, True)


def test_a_rejection_has_its_reason(service: Service) -> None:
    service.upload(b"")
    service.work()
    found = Checkpoint.parse(service.get("/api/v1/checkpoints/1"), "http://there")
    assert (found.state, found.code) == ("rejected", "empty-file")
    assert found.message
    with pytest.raises(AttributeError):
        found.state = "ready"  # type: ignore[misc]
