"""A mitigation that a worker holds: taken over, given up, stopped where what it came from is gone."""

import pytest
from sqlalchemy import update

from app import mitigations
from app.models import Mitigation
from app.work import mitigations as mitigation_work
from app.work import products
from tests.mitigations import ask, sent
from tests.service import Service
from workers.sweeper import sweep


def row(service: Service) -> Mitigation:
    with service.database.reading() as session:
        return mitigations.get(session, 1)


def claim(service: Service) -> Mitigation:
    with service.database.writing() as session:
        found = mitigation_work.claim(session, service.settings, 1)
    assert found is not None
    return found


def silence(service: Service) -> None:
    """The worker's lease runs out, the sweeper finds it, and later finds the message that nobody took."""
    for _ in range(2):
        with service.database.writing() as session:
            held = Mitigation.state == Mitigation.HELD
            session.execute(update(Mitigation).where(held).values(lease_until=1.0))
            session.execute(update(Mitigation).values(sent_at=0.0, resend_at=0.0))
        with service.database.writing() as session:
            sweep(session, service.settings)


def test_what_a_dead_worker_held_is_made_by_the_next(service: Service) -> None:
    ask(sent(service))
    claim(service)
    service.workers.sent.clear()
    silence(service)
    assert ("mitigate", 1) in service.workers.sent
    service.work()
    assert row(service).state == "done"
    assert len(service.get("/api/v1/checkpoints")) == 3


def test_three_deaths_are_the_end_of_it(service: Service) -> None:
    ask(sent(service))
    for _ in range(3):
        found = claim(service)
        with service.database.writing() as session:
            mitigation_work.announce(session, 1, found.claim, "Block 0 · MLP up")
        silence(service)
    assert (row(service).state, row(service).reason_code) == ("failed", "mitigation-failed")
    assert row(service).reason == "The worker stopped responding over Block 0 · MLP up (3 attempts)"


def test_deaths_over_one_tensor_after_another_are_no_end(service: Service) -> None:
    ask(sent(service))
    for at in range(6):
        found = claim(service)
        with service.database.writing() as session:
            mitigation_work.note_progress(session, 1, found.claim)
            mitigation_work.announce(session, 1, found.claim, f"Block {at} · MLP up")
        silence(service)
    assert (row(service).state, row(service).attempts) == ("queued", 1)


def test_it_is_over_when_nobody_will_go_on_with_it(service: Service) -> None:
    def over() -> bool:
        with service.database.reading() as session:
            return products.is_over(session, Mitigation, 1)

    ask(sent(service))
    assert not over()
    claim(service)
    assert not over()
    silence(service)
    service.work()
    assert (row(service).state, over()) == ("done", True)
    assert service.client.delete("/api/v1/mitigations/1").status_code == 204
    assert over()


@pytest.mark.parametrize(("gone", "what"), [(1, "base"), (2, "tuned checkpoint")])
def test_a_source_that_was_deleted_ends_it_with_a_reason(service: Service, gone: int, what: str) -> None:
    ask(sent(service))
    service.client.delete(f"/api/v1/checkpoints/{gone}")
    service.work()
    assert (row(service).state, row(service).reason_code) == ("failed", "source-deleted")
    assert row(service).reason == f"The {what} was deleted before the mitigated checkpoint was made."


def test_a_very_long_reason_is_cut(service: Service) -> None:
    ask(sent(service))
    found = claim(service)
    with service.database.writing() as session:
        mitigation_work.reject(session, 1, found.claim, "wrong-base", "x" * 5000)
    assert len(row(service).reason or "") < 1000
