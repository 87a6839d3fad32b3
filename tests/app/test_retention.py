"""Retention: weights go some days after their last analysis, reports stay."""

import pytest
from sqlalchemy import update

from app import retention
from app.errors import Conflict
from app.models import Blob, Checkpoint, Run
from app.settings import Settings
from tests.service import Service, model
from workers.sweeper import let_go

DAY = 86_400.0


def age(service: Service, days: float) -> None:
    """Lets so many days go by since every run ended and every checkpoint came."""
    with service.everything.writing() as session:
        session.execute(update(Run).values(finished_at=Run.finished_at - days * DAY))
        session.execute(update(Checkpoint).values(created_at=Checkpoint.created_at - days * DAY))


def sweep(service: Service, keep_days: float = 7.0) -> None:
    let_go(service.everything, service.storage, Settings(keep_days=keep_days))


def stored(service: Service) -> int:
    return len(list(service.storage.blobs.glob("??/*")))


def test_weights_go_and_the_report_stays(analysed: Service) -> None:
    before = analysed.get("/api/v1/runs/1/report")
    age(analysed, 6.9)
    sweep(analysed)
    assert stored(analysed) == 1
    age(analysed, 0.2)
    sweep(analysed)
    assert stored(analysed) == 0
    assert analysed.get("/api/v1/checkpoints/1")["released_at"] is not None
    assert analysed.get("/api/v1/runs/1/report") == before
    assert analysed.client.get("/runs/1").status_code == 200
    assert "The weights were deleted by retention" in analysed.client.get("/checkpoints/1").text
    lines = analysed.get("/api/v1/audit", action="checkpoint")
    assert lines[0]["action"] == "checkpoint.release"
    assert lines[0]["actor"] == "the service itself"


def test_nothing_more_can_be_asked_of_them(analysed: Service) -> None:
    age(analysed, 8)
    sweep(analysed)
    answer = analysed.client.post("/api/v1/runs", json={"checkpoints": [1]})
    assert answer.status_code == 409
    assert "upload it again" in answer.json()["detail"]
    assert analysed.client.put("/api/v1/checkpoints/1/pin").status_code == 409
    assert analysed.client.get("/api/v1/checkpoints/1/files/model.safetensors").status_code == 404


def test_sending_them_again_brings_them_back(analysed: Service) -> None:
    age(analysed, 8)
    sweep(analysed)
    assert analysed.upload(model())["id"] == 2
    analysed.run(2)
    analysed.work()
    assert analysed.get("/api/v1/runs/2")["state"] == "done"
    with analysed.everything.reading() as session:
        (blob,) = session.query(Blob)
        assert blob.removed_at is None


def test_bytes_that_another_checkpoint_holds_stay(analysed: Service) -> None:
    age(analysed, 8)
    analysed.upload(model())
    sweep(analysed)
    assert analysed.get("/api/v1/checkpoints/1")["released_at"] is not None
    assert stored(analysed) == 1
    assert analysed.client.delete("/api/v1/checkpoints/2").status_code == 204
    assert stored(analysed) == 0
    assert analysed.client.delete("/api/v1/checkpoints/1").status_code == 204
    with analysed.everything.reading() as session:
        assert session.query(Blob).count() == 0


def test_pinned_ones_stay(analysed: Service) -> None:
    assert analysed.client.put("/api/v1/checkpoints/1/pin").status_code == 204
    age(analysed, 800)
    sweep(analysed)
    assert stored(analysed) == 1
    assert "Pinned: the weights are kept" in analysed.client.get("/checkpoints/1").text
    assert analysed.client.post("/checkpoints/1/pin", data={"pinned": "no"}, follow_redirects=False).status_code == 303
    sweep(analysed)
    assert stored(analysed) == 0
    actions = [line["action"] for line in analysed.get("/api/v1/audit")]
    assert {"checkpoint.pin", "checkpoint.unpin"} <= set(actions)


def test_zero_days_is_for_ever(analysed: Service) -> None:
    age(analysed, 800)
    sweep(analysed, keep_days=0)
    assert stored(analysed) == 1


def test_what_was_never_analysed_stays_and_what_is_useless_does_not(service: Service) -> None:
    service.upload(model())
    service.upload(b"<html>", "page.html")
    service.work()
    assert service.get("/api/v1/checkpoints/2")["state"] == "rejected"
    age(service, 8)
    sweep(service)
    assert service.get("/api/v1/checkpoints/1")["released_at"] is None
    assert service.get("/api/v1/checkpoints/2")["released_at"] is not None
    assert stored(service) == 1


def test_a_run_under_way_keeps_them(analysed: Service) -> None:
    analysed.run(1)
    age(analysed, 8)
    with analysed.everything.reading() as session:
        assert retention.due(session, analysed.settings) == []
    sweep(analysed)
    analysed.work()
    assert analysed.get("/api/v1/runs/2")["state"] == "done"


def test_a_prescription_that_waits_keeps_them_and_its_files_stay(analysed: Service) -> None:
    address = "/api/v1/runs/1/prescriptions"
    assert analysed.client.post(address, json={"kind": "traps"}).status_code == 202
    age(analysed, 8)
    sweep(analysed)
    analysed.work()
    assert analysed.get(f"{address}/1")["state"] == "done"
    assert analysed.client.post(address, json={"kind": "monitor"}).status_code == 202
    analysed.work()
    made = analysed.client.get(f"{address}/2/files/monitor.csv").content
    age(analysed, 8)
    sweep(analysed)
    assert analysed.get("/api/v1/checkpoints/1")["released_at"] is not None
    assert analysed.client.get(f"{address}/2/files/monitor.csv").content == made
    answer = analysed.client.post(address, json={"kind": "traps"})
    assert (answer.status_code, answer.json()["code"]) == (409, "weights-deleted")


def test_when_they_go_is_told(analysed: Service) -> None:
    with analysed.database.reading() as session:
        row = session.get_one(Checkpoint, 1)
        until = retention.deletion_time(session, analysed.settings, row)
        assert until == pytest.approx((session.get_one(Run, 1).finished_at or 0.0) + 7 * DAY)
        assert retention.deletion_time(session, Settings(keep_days=0), row) is None
        row.released_at = 1.0
        with pytest.raises(Conflict, match="pin"):
            retention.require_weights(row)
    assert "The weights are kept until" in " ".join(analysed.client.get("/checkpoints/1").text.split())
