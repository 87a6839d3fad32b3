"""Prescriptions as rows: kept with their run, and gone with it."""

import pytest

from app import prescriptions
from app.errors import Conflict, NotFound
from app.models import Prescription
from tests.app.prescriptions.test_tables import run_of
from tests.service import Service


def kept(service: Service) -> None:
    run_of(service, snr={})
    with service.database.reading() as session:
        found = prescriptions.compute(session, 1, "trainable", {})
    with service.database.writing() as session:
        row = prescriptions.add(session, 1, 0, found)
        assert (row.state, row.positions, row.finished_at is not None) == ("done", [0], True)
        content = prescriptions.find_file(row, service.storage, "unfrozen_parameters.yaml")
        assert content == found.answer.files["unfrozen_parameters.yaml"]
        with pytest.raises(NotFound):
            prescriptions.find_file(row, service.storage, "../prescription.json")


def test_they_go_with_their_run(service: Service) -> None:
    kept(service)
    service.client.delete("/api/v1/runs/1")
    with service.database.reading() as session:
        assert session.query(Prescription).count() == 0


def test_a_run_has_so_many_and_one_that_is_deleted_makes_room(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.prescriptions.rows.MOST", 1)
    kept(service)
    with service.database.writing() as session, pytest.raises(Conflict, match="Delete those"):
        prescriptions.request(session, 1, "traps", {})
    with service.database.writing() as session:
        assert prescriptions.delete(session, 1, 1) == []
    with service.database.writing() as session:
        prescriptions.request(session, 1, "traps", {})
