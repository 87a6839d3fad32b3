"""Leases: one holder at a time, by the database's clock, whatever the holders believe."""

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from app.db import clock
from app.models import Run, Unit
from app.work import leases
from app.work.leases import LeaseLost
from tests.service import Service


@pytest.fixture
def session(service: Service) -> Iterator[Session]:
    with service.database.writing() as session:
        session.add(Run(id=1, state="running", diagnostics={}))
        session.flush()
        yield session


def offered(session: Session) -> Unit:
    unit = Unit(run_id=1, member=0, tensors=[0], costs=[1.0])
    leases.offer(session, unit)
    return unit


def age(session: Session, unit: Unit, seconds: float) -> None:
    """Makes it look as if so much time had passed since the last message."""
    unit.sent_at -= seconds
    unit.resend_at -= seconds
    session.flush()


def test_only_one_gets_it(session: Session) -> None:
    unit = offered(session)
    taken = leases.claim(session, Unit, unit.id, 30)
    assert taken is not None
    assert (taken.state, taken.attempts, taken.claim) == ("leased", 1, 1)
    assert leases.claim(session, Unit, unit.id, 30) is None
    assert leases.claim(session, Unit, 99, 30) is None


def test_a_lease_that_is_renewed_does_not_expire(session: Session) -> None:
    unit = offered(session)
    leases.claim(session, Unit, unit.id, -1)
    assert [each.id for each in leases.lock_expired(session, Unit)] == [unit.id]
    leases.renew(session, Unit, unit.id, 1, 30)
    assert leases.lock_expired(session, Unit) == []


def test_who_slept_through_the_lease_has_lost_it(session: Session) -> None:
    unit = offered(session)
    leases.claim(session, Unit, unit.id, -1)
    leases.offer(session, unit)
    leases.claim(session, Unit, unit.id, 30)
    with pytest.raises(LeaseLost):
        leases.renew(session, Unit, unit.id, 1, 30)
    with pytest.raises(LeaseLost):
        leases.lock_held(session, Unit, unit.id, 1)
    assert leases.lock_held(session, Unit, unit.id, 2).attempts == 2


def test_an_offer_wakes_a_worker_now_or_leaves_it_to_the_sweeper(session: Session) -> None:
    unit = offered(session)
    assert session.info["wakes"] == [("analyse", unit.id)]
    leases.offer(session, unit, later=True)
    assert session.info["wakes"] == [("analyse", unit.id)]


def test_a_message_that_nobody_took_is_sent_again_at_once_where_nobody_works(session: Session) -> None:
    unit = offered(session)
    assert leases.resend(session) == 0
    age(session, unit, leases.IDLE_RESEND + 0.1)
    assert leases.resend(session) == 1
    assert leases.resend(session) == 0


def test_where_somebody_works_the_pause_doubles(session: Session) -> None:
    busy = offered(session)
    leases.claim(session, Unit, busy.id, 30)
    unit = offered(session)
    age(session, unit, leases.IDLE_RESEND + 0.1)
    assert leases.resend(session) == 0
    for expected in (1, 2, 3):
        age(session, unit, unit.resend_at - clock(session) + 0.01)
        assert leases.resend(session) == 1
        assert unit.sent == expected
        assert unit.resend_at - unit.sent_at == pytest.approx(leases.FIRST_RESEND * 2**expected)


def test_the_pause_has_an_end(session: Session) -> None:
    unit = offered(session)
    unit.sent = 30
    age(session, unit, leases.FIRST_RESEND + 1)
    leases.resend(session)
    assert unit.resend_at - unit.sent_at == pytest.approx(leases.LAST_RESEND)


def test_the_only_worker_takes_over_at_once(session: Session) -> None:
    unit = offered(session)
    leases.claim(session, Unit, unit.id, 1000)
    leases.release(session)
    assert [each.id for each in leases.lock_expired(session, Unit)] == [unit.id]


def test_a_clock_that_was_set_back_keeps_nothing_for_hours(session: Session) -> None:
    """The lease was given, and the message sent, an hour from now."""
    held, waiting = offered(session), offered(session)
    taken = leases.claim(session, Unit, held.id, 30)
    assert taken is not None
    taken.lease_until = clock(session) + 3600
    age(session, waiting, -3600)
    leases.bound(session, 30)
    session.refresh(taken)
    assert taken.lease_until is not None
    assert taken.lease_until - clock(session) == pytest.approx(30, abs=5)
    assert leases.resend(session) == 1
    assert waiting.sent_at == pytest.approx(clock(session), abs=5)


def test_a_lease_of_now_is_not_shortened(session: Session) -> None:
    taken = leases.claim(session, Unit, offered(session).id, 30)
    assert taken is not None
    before = taken.lease_until
    leases.bound(session, 30)
    session.refresh(taken)
    assert taken.lease_until == before


def test_whether_it_is_held(session: Session) -> None:
    unit = offered(session)
    assert not leases.is_held(session, Unit, unit.id, 1)
    leases.claim(session, Unit, unit.id, 30)
    assert leases.is_held(session, Unit, unit.id, 1)
    assert not leases.is_held(session, Unit, unit.id, 2)
