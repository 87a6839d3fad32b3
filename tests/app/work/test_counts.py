"""Counts: every number as the rows have it, whoever asks."""

from app.db import clock
from app.models import Checkpoint, Unit
from app.states import UnitState
from app.work import counts
from tests.service import Service, model


def taken(service: Service) -> counts.Counts:
    with service.everything.reading() as session:
        return counts.take(session)


def test_nothing_is_counted_where_nothing_is(service: Service) -> None:
    found = taken(service)
    assert (dict(found.runs), dict(found.work), found.results, found.tensors, found.stored_bytes) == ({}, {}, 0, 0, 0)
    assert found.oldest == {"check": 0.0, "ingest": 0.0, "mitigate": 0.0, "prescribe": 0.0, "analyse": 0.0}


def test_what_was_done_is_counted(analysed: Service) -> None:
    found = taken(analysed)
    assert found.runs == {"done": 1}
    assert found.work[("ingest", "ready")] == 1
    assert sum(count for (task, state), count in found.work.items() if (task, state) == ("analyse", "done")) >= 1
    assert (found.results, found.tensors) == (15, 5)  # three diagnostics, five matrices
    assert found.stored_bytes == len(model())


def test_what_waits_has_an_age(service: Service) -> None:
    service.upload(model())
    with service.everything.writing() as session:
        session.get_one(Checkpoint, 1).created_at = clock(session) - 90.0
    found = taken(service)
    assert found.work == {("ingest", "received"): 1}
    assert 90.0 <= found.oldest["ingest"] < 100.0


def test_a_unit_waits_since_its_run_was_asked_for(analysed: Service) -> None:
    analysed.run(1)
    assert 0.0 <= taken(analysed).oldest["analyse"] < 60.0
    assert taken(analysed).work[("analyse", "queued")] >= 1


def test_leases_that_ran_out_and_second_claims_are_told(analysed: Service) -> None:
    analysed.run(1)
    with analysed.everything.writing() as session:
        unit = session.query(Unit).filter_by(state=UnitState.QUEUED).first()
        assert unit is not None
        unit.state, unit.claim, unit.lease_until = UnitState.LEASED, 3, 0.0
    found = taken(analysed)
    assert found.expired == {"check": 0, "ingest": 0, "mitigate": 0, "prescribe": 0, "analyse": 1}
    assert found.reclaims == {"check": 0, "ingest": 0, "mitigate": 0, "prescribe": 0, "analyse": 2}
