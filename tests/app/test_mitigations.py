"""Mitigations as rows: what is made comes with its comparison or not at all."""

import pytest

from app import mitigations
from app.models import Checkpoint, Run
from app.work import leases
from tests.app.work.test_mitigations import claim, row, silence
from tests.mitigations import ask, sent
from tests.service import Service


def test_whoever_lost_the_lease_changes_nothing(service: Service) -> None:
    ask(sent(service))
    found = claim(service)
    silence(service)
    with pytest.raises(leases.LeaseLost), service.database.writing() as session:
        mitigations.finish(session, service.storage, service.settings, 1, found.claim, [], {})
    assert len(service.get("/api/v1/checkpoints")) == 2


def test_what_was_made_may_go_before_the_record_of_it(service: Service) -> None:
    ask(sent(service))
    service.work()
    service.client.delete("/api/v1/checkpoints/3")
    assert (row(service).state, row(service).checkpoint_id, row(service).run_id) == ("done", None, None)
    with service.database.reading() as session:
        assert session.query(Run).count() == 0


def test_those_of_a_comparison_are_found(service: Service) -> None:
    ask(sent(service))
    with service.database.reading() as session:
        assert [found.id for found in mitigations.mitigations_between(session, 1, [2, 5])] == [1]
        assert mitigations.mitigations_between(session, 2, [1]) == []


def test_there_is_an_end_to_what_may_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.mitigations.MOST_OPEN", 1)
    ask(sent(service))
    assert ask(service, 409)["code"] == "conflict"


def test_the_mended_checkpoint_and_its_comparison_come_in_one_transaction(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies between the two leaves neither."""

    def dies(*_: object) -> None:
        raise OSError("killed")

    ask(sent(service))
    monkeypatch.setattr("app.mitigations.runs.request", dies)
    service.work()
    assert row(service).state == "queued"
    monkeypatch.undo()
    with service.database.reading() as session:
        assert session.query(Checkpoint).count() == 2
    silence(service)
    service.work()
    assert row(service).state == "done"
