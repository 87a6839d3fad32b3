"""Runs: deletion takes everything along, and pages follow each other."""

from app.models.files import Checkpoint, File, Tensor
from app.models.runs import Curve, Member, Result, Run, Unit, newest
from tests.service import Service, model


def test_nothing_is_left_of_a_deleted_run(analysed: Service) -> None:
    assert analysed.client.delete("/api/v1/runs/1").status_code == 204
    with analysed.database.reading() as session:
        for table in (Run, Member, Unit, Result, Curve):
            assert session.query(table).count() == 0, table
        assert session.query(Checkpoint).count() == session.query(File).count() == 1
        assert session.query(Tensor).count() == 7


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
