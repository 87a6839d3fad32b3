"""Tables over HTTP."""

import csv
import io

import pytest
from pydantic import ValidationError

from app.api.tables import Filters
from tests.service import Service

TABLE = "/api/v1/runs/1/tables/norms"


def test_rows_are_sorted_filtered_and_paged_by_the_server(analysed: Service) -> None:
    page = analysed.get(TABLE, sort="-sv_max", limit=2)
    assert page["total"] == 5
    assert len(page["rows"]) == 2
    everything = analysed.get(TABLE)["rows"]
    assert [row["sv_max"] for row in page["rows"]] == sorted((row["sv_max"] for row in everything), reverse=True)[:2]
    assert {row["role"] for row in analysed.get(TABLE, role="up")["rows"]} == {"up"}
    assert analysed.get(TABLE, q="LAYERS.1")["total"] == 2
    name = "model.layers.1.mlp.up_proj.weight"
    assert [row["weight"] for row in analysed.get(TABLE, weight=name)["rows"]] == [name]
    assert analysed.get(TABLE, weight="LAYERS.1")["total"] == 0
    both = [analysed.get(TABLE, flagged=flag)["total"] for flag in ("true", "false")]
    assert both == [analysed.get(TABLE)["flagged"], 5 - analysed.get(TABLE)["flagged"]]


def test_columns_are_the_registered_ones(analysed: Service) -> None:
    page = analysed.get(TABLE)
    assert set(page["columns"]) < set(page["rows"][0])


def test_csv_holds_the_same_numbers(analysed: Service) -> None:
    answer = analysed.client.get(f"{TABLE}.csv", params={"sort": "sv_max"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="run-1-norms.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [float(row["sv_max"]) for row in rows] == [
        row["sv_max"] for row in analysed.get(TABLE, sort="sv_max")["rows"]
    ]


@pytest.mark.parametrize("path", [TABLE, f"{TABLE}.csv"])
def test_faults_are_said(analysed: Service, path: str) -> None:
    assert analysed.get(path, 400, sort="nonsense")["code"] == "unknown-column"
    assert analysed.get(path, 422, colour="red")["code"] == "invalid-request"
    assert analysed.get(path.replace("norms", "esx"), 404)["code"] == "not-found"
    assert analysed.get(path.replace("/1/", "/9/"), 404)["code"] == "not-found"


def test_rows_of_a_comparison_say_whose_they_are(compared: Service) -> None:
    place = "/api/v1/runs/1/tables/update"
    groups = [(row["group"], row["checkpoints"]) for row in compared.get(place)["rows"]]
    assert set(map(str, groups)) == {"([0, 1], ['base', 'lora'])", "([0, 2], ['base', 'full'])"}
    assert groups == sorted(groups)
    assert {row["group"][-1] for row in compared.get(place, group="0,2")["rows"]} == {2}
    assert compared.get(place, group="0,2")["total"] == 5
    assert compared.get(place, group="2")["total"] == 0
    for wrong in ("0;2", "٠,٢"):  # a digit of another script is none
        assert compared.get(place, 422, group=wrong)["code"] == "invalid-request"


def test_csv_of_a_comparison_names_the_checkpoints(compared: Service) -> None:
    answer = compared.client.get("/api/v1/runs/1/tables/update.csv", params={"group": "0,1"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["checkpoints"] for row in rows} == {"base, lora"}
    assert {row["group"] for row in rows} == {"0 1"}


def test_the_length_of_a_name_is_bounded() -> None:
    """Asked of the model itself: no client makes an address of that length."""
    assert Filters(weight="w" * 100_000).weight is not None
    with pytest.raises(ValidationError, match="at most 100000 characters"):
        Filters(weight="w" * 100_001)
