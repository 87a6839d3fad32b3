import pytest

from app.errors import BadRequest, NotFound
from app.runs import beside, runs
from app.runs.beside import Ref
from tests.service import Service, model

NAME = "model.layers.0.self_attn.q_proj.weight"


@pytest.mark.parametrize("text", ["x", "1,x", "0", "1.", "1;2", "-1", "1٢"])
def test_what_names_no_reports_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="does not name reports"):
        beside.parse_refs(text)


def test_at_most_eight() -> None:
    with pytest.raises(BadRequest, match="At most 8"):
        beside.parse_refs(",".join(map(str, range(1, 10))))
    assert beside.parse_refs("") == ()
    assert beside.parse_refs("3, 4.1,3") == (Ref(3), Ref(4, 1))


def test_tables_of_several_runs_are_merged_by_place(service: Service) -> None:
    for layers in (2, 3):
        service.upload(model(layers), "same.safetensors")
        service.run(layers - 1)
    service.work()
    with service.database.reading() as session:
        found = beside.put_beside(session, (Ref(2), Ref(1)))
        esd = next(table for table in found.tables if table.diagnostic.name == "esd")
        assert esd.names == ("same.safetensors", "same.safetensors (2)")
        assert [sum(row.group == (place,) for row in esd.rows) for place in (0, 1)] == [7, 5]
        table, curve = beside.overlay(session, (Ref(2), Ref(1)), NAME)
        assert [row.group for row in table.rows] == [(0,), (1,)]
        assert all(len(row.measurement.curves[curve]) for row in table.rows)
        assert beside.named(session, "same.safetensors") == [Ref(1), Ref(2)]
        assert beside.previous(session, runs.get(session, 2)) == Ref(1)
        assert beside.previous(session, runs.get(session, 1)) is None
        with pytest.raises(NotFound, match="no checkpoint at position 3"):
            beside.put_beside(session, (Ref(1), Ref(2, 3)))
        with pytest.raises(NotFound, match="spectrum"):
            beside.overlay(session, (Ref(1), Ref(2)), "nothing")
    service.run(1, 2, diagnostics={"update": {}})
    with pytest.raises(BadRequest, match="single checkpoint"), service.database.reading() as session:
        beside.put_beside(session, (Ref(3), Ref(3, 1)))
