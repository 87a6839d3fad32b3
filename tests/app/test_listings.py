"""Lists: the newest first, and what comes after a row does not depend on what came since."""

from app.listings import newest
from app.models import Checkpoint
from tests.service import Service, model


def test_pages_follow_each_other_whatever_is_added(service: Service) -> None:
    for layers in (1, 2, 3):
        service.upload(model(layers))
    with service.database.reading() as session:
        first = newest(session, Checkpoint, 2)
    service.upload(model(4))
    with service.database.reading() as session:
        second = newest(session, Checkpoint, 2, before=first[-1].id)
    assert [row.id for row in first] == [3, 2]
    assert [row.id for row in second] == [1]
