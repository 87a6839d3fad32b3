import pytest

from app.db import Session
from app.errors import BadRequest, Conflict, NotFound
from app.models import Check
from app.runs import checks
from tests.comparisons import adapter
from tests.service import Service

NAME = "model.layers.0.self_attn.q_proj.weight"


def test_a_check_that_goes_on_is_not_asked_for_twice(analysed: Service) -> None:
    with analysed.database.writing() as session:
        first = checks.request(session, 1, NAME)
        assert checks.request(session, 1, NAME).id == first.id
        assert (first.tensor, first.state) == (NAME, "queued")
        assert checks.latest(session, 1, NAME, 0) is first
        assert [row.id for row in checks.listing(session, 1)] == [first.id]
    assert ("check", first.id) in analysed.workers.sent


def test_what_cannot_be_checked_is_told(analysed: Service) -> None:
    with analysed.database.writing() as session:
        for weight, position in (("nothing", 0), (NAME, 4)):
            with pytest.raises(NotFound):
                checks.request(session, 1, weight, position)
        session.add_all(_waiting(session) for _ in range(checks.MOST_OPEN))
        session.flush()
        with pytest.raises(Conflict, match="wait already"):
            checks.request(session, 1, NAME)


def _waiting(session: Session) -> Check:
    return Check(state="queued", run_id=1, position=0, weight="x", tensor="x", columns=[])


def test_an_adapter_has_nothing_to_check(service: Service) -> None:
    service.send("LoRA", adapter())
    service.run(1)
    service.work()
    with pytest.raises(BadRequest, match="whole model"), service.database.writing() as session:
        checks.request(session, 1, NAME)
