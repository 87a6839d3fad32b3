"""Prescriptions out of the weights: which checkpoints they take, what they refuse, and how they end."""

import pytest

from analysis.errors import WrongMembers
from analysis.prescriptions import rule
from app.errors import BadRequest, NotFound, QuotaExceeded
from app.models import Checkpoint, Prescription
from app.prescriptions.requests import choose_positions, finish
from app.storage.blobs import Incoming
from app.work import leases
from tests.app.work.test_prescriptions import claim, silence
from tests.prescriptions import URL, ask, compared
from tests.service import Service, model


def test_a_rule_takes_of_the_run_what_it_reads() -> None:
    assert choose_positions(rule("traps"), 1, 3) == [0]
    assert choose_positions(rule("traps"), 1, 3, position=2) == [2]
    assert choose_positions(rule("lora-rank"), 1, 3) == [0, 1]
    assert choose_positions(rule("lora-rank"), 1, 3, position=2) == [0, 2]
    assert choose_positions(rule("lora-rank"), 1, 1) == [0]
    assert choose_positions(rule("lineage"), 1, 3) == [0, 1, 2]
    assert choose_positions(rule("monitor"), 1, 3, [2, 0]) == [2, 0]


@pytest.mark.parametrize(
    ("kind", "positions", "error"),
    [
        ("lineage", [0], WrongMembers),
        ("traps", [0, 1], WrongMembers),
        ("lineage", [0, 5], NotFound),
        ("lineage", [1, 1], BadRequest),
    ],
)
def test_other_checkpoints_than_it_takes_are_refused(kind: str, positions: list[int], error: type[Exception]) -> None:
    with pytest.raises(error):
        choose_positions(rule(kind), 1, 3, positions)
    with pytest.raises(BadRequest, match="not both"):
        choose_positions(rule(kind), 1, 3, positions, 1)


def test_weights_that_retention_deleted_are_a_conflict_of_their_own(service: Service) -> None:
    compared(service)
    with service.database.writing() as session:
        session.get_one(Checkpoint, 2).released_at = 1.0
    answer = ask(service, "lora-rank", 409)
    assert (answer["code"], "checkpoint 2" in answer["detail"]) == ("weights-deleted", True)
    ask(service, "lora-rank", 202, position=2)
    assert [each["positions"] for each in service.get(URL)] == [[0, 2]]


def test_a_checkpoint_that_is_still_read_is_a_conflict(service: Service) -> None:
    service.upload(model())
    service.run(1)
    assert "still being read" in ask(service, "traps", 409)["detail"]


def test_there_is_an_end_to_what_may_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.prescriptions.requests.MOST_OPEN", 1)
    compared(service)
    ask(service, "traps")
    assert "already queued" in ask(service, "traps", 409)["detail"]


def test_a_worker_that_lost_the_lease_changes_nothing(service: Service) -> None:
    compared(service)
    ask(service, "traps")
    held = claim(service)
    silence(service)
    with pytest.raises(leases.LeaseLost), service.database.writing() as session:
        finish(session, service.storage, service.settings, 1, held.claim, [], {})
    with service.database.reading() as session:
        assert session.get_one(Prescription, 1).state == "queued"


def test_files_that_the_quota_has_no_room_for_are_refused(service: Service) -> None:
    compared(service)
    ask(service, "traps")
    held = claim(service)
    strict = service.settings.model_copy(update={"quota_bytes": 10})
    incoming: Incoming = service.storage.receive()
    incoming.write(b"0" * 100)
    incoming.finish()
    with pytest.raises(QuotaExceeded), service.database.writing() as session:
        finish(session, service.storage, strict, 1, held.claim, [("a.json", incoming)], {})
