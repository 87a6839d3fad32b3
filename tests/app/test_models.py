"""Models: what no database can store is replaced, and deletion takes everything along."""

from sqlalchemy import select

from app.models import Base, Checkpoint, Curve, File, Member, Result, Run, Tensor, Unit, newest
from tests.service import Service, model


def test_text_out_of_hostile_files_can_be_stored(service: Service) -> None:
    with service.database.writing() as session:
        session.add(Run(state="failed", diagnostics={}, reason="a\x00b\ud800c"))
    with service.database.reading() as session:
        assert session.scalars(select(Run.reason)).all() == ["a\ufffdb\ufffdc"]


def test_json_keeps_every_name_and_number_as_it_is(service: Service) -> None:
    info = {"name": "a\x00\ud800<b>", "x": 0.1 + 0.2, "big": 2**62}
    with service.database.writing() as session:
        session.add(Run(state="failed", diagnostics=info))
    with service.database.reading() as session:
        assert session.scalars(select(Run.diagnostics)).all() == [info]


def test_nothing_is_left_of_a_deleted_run(analysed: Service) -> None:
    assert analysed.client.delete("/api/v1/runs/1").status_code == 204
    with analysed.database.reading() as session:
        for table in (Run, Member, Unit, Result, Curve):
            assert session.query(table).count() == 0, table
        assert session.query(Checkpoint).count() == session.query(File).count() == 1
        assert session.query(Tensor).count() == 7


def test_every_table_is_made_by_a_model() -> None:
    assert len(Base.metadata.tables) == 22


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
