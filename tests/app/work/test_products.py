"""What is made of checkpoints: both kinds of it end in the same ways."""

from app.models import Mitigation, Prescription, Product
from app.work import products
from tests.app.work.test_prescriptions import claim
from tests.prescriptions import URL, ask, compared
from tests.service import Service


def over(service: Service, kind: type[Product]) -> bool:
    with service.database.reading() as session:
        return products.is_over(session, kind, 1)


def test_it_is_over_when_nobody_will_go_on_with_it(service: Service) -> None:
    compared(service)
    assert over(service, Mitigation)
    ask(service, "traps")
    assert not over(service, Prescription)
    claim(service)
    assert not over(service, Prescription)
    assert service.client.delete(f"{URL}/1").status_code == 204
    assert over(service, Prescription)


def test_an_attempt_that_failed_is_offered_again_and_the_last_is_the_end(service: Service) -> None:
    compared(service)
    ask(service, "traps")
    for state in ("queued", "queued", "failed"):
        held = claim(service)
        with service.database.writing() as session:
            products.fail(session, service.settings, session.get_one(Prescription, held.id), "the disk is away")
        with service.database.reading() as session:
            assert products.current(session, Prescription, 1).state == state
    told = service.get(f"{URL}/1")["reason"]
    assert told == {"code": "prescription-failed", "message": "the disk is away (3 attempts)"}
