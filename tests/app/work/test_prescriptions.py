"""A prescription that a worker holds: taken over, given up, stopped."""

from sqlalchemy import update

from app.models import Prescription
from app.work import prescriptions as prescription_work
from tests.prescriptions import URL, ask, compared
from tests.service import Service
from workers.sweeper import sweep


def row(service: Service) -> Prescription:
    with service.database.reading() as session:
        return session.get_one(Prescription, 1)


def claim(service: Service) -> Prescription:
    with service.database.writing() as session:
        found = prescription_work.claim(session, service.settings, 1)
    assert found is not None
    return found


def silence(service: Service) -> None:
    """The worker's lease runs out, the sweeper finds it, and later finds the message that nobody took."""
    for _ in range(2):
        with service.database.writing() as session:
            held = Prescription.state == Prescription.HELD
            session.execute(update(Prescription).where(held).values(lease_until=1.0))
            session.execute(update(Prescription).values(sent_at=0.0, resend_at=0.0))
        with service.database.writing() as session:
            sweep(session, service.settings)


def test_what_a_dead_worker_held_is_made_by_the_next(service: Service) -> None:
    ask(compared(service), "traps")
    claim(service)
    assert service.get(f"{URL}/1")["state"] == "running"
    service.workers.sent.clear()
    silence(service)
    assert ("prescribe", 1) in service.workers.sent
    service.work()
    assert row(service).state == "done"


def test_three_deaths_are_the_end_of_it(service: Service) -> None:
    ask(compared(service), "traps")
    for _ in range(3):
        found = claim(service)
        with service.database.writing() as session:
            prescription_work.announce(session, 1, found.claim, "Block 0 · MLP up")
        assert service.get(f"{URL}/1")["current"] == "Block 0 · MLP up"
        silence(service)
    told = service.get(f"{URL}/1")
    reason = "The worker stopped responding over Block 0 · MLP up (3 attempts)"
    assert (told["state"], told["reason"]) == ("failed", {"code": "prescription-failed", "message": reason})
    assert (told["record"], told["files"]) == (None, [])


def test_a_prescription_that_cannot_be_is_rejected_with_its_reason(service: Service) -> None:
    ask(compared(service), "traps")
    found = claim(service)
    with service.database.writing() as session:
        prescription_work.reject(session, 1, found.claim, "packed-weights", "x" * 5000)
    assert (row(service).state, row(service).reason_code) == ("failed", "packed-weights")
    assert len(row(service).reason or "") < 1000
