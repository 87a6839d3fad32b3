import pytest

from tests.service import Service, model

NAME = "model.layers.0.self_attn.q_proj.weight"


def test_a_column_of_two_reports_agrees_with_their_tables(analysed: Service) -> None:
    analysed.upload(model(layers=3))
    analysed.run(2)
    analysed.work()
    found = analysed.get("/api/v1/side-by-side", of="1,2", column="stable_rank")
    assert (found["diagnostic"], found["reports"]) == ("norms", ["1", "2"])
    tables = [analysed.get(f"/api/v1/runs/{run}/tables/norms")["rows"] for run in (1, 2)]
    values = [{row["weight"]: row["stable_rank"] for row in rows} for rows in tables]
    for layer in found["layers"]:
        name = layer["weight"]
        assert layer["values"] == [one.get(name) for one in values]
        if None not in layer["values"]:
            assert layer["differences"] == [pytest.approx(values[1][name] - values[0][name])]
    figure = analysed.get("/api/v1/side-by-side/spectra", of="1,2", weight=NAME)
    assert {trace["meta"]["member"] for trace in figure["data"]} == {0, 1}


def test_what_makes_no_sense_is_refused(analysed: Service) -> None:
    analysed.get("/api/v1/side-by-side", 400, of="1,1")
    analysed.get("/api/v1/side-by-side", 404, of="1,9")
    analysed.get("/api/v1/side-by-side", 400, of="1,1.0", column="alpha")
    for wrong in ("a,b", "1,1٢"):  # a digit of another script is none
        analysed.get("/api/v1/side-by-side", 422, of=wrong)
