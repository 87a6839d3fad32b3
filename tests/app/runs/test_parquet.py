"""The rows of a report as Parquet: all of them, exact, with types; and a clear answer where it cannot be written."""

import io
import sys

import pytest

from tests.conftest import missing
from tests.hostile import ODD_NAMES, entry, safetensors
from tests.service import Service

try:
    import pyarrow.parquet as pq
except ImportError:
    pq = None


def read(service: Service) -> "pq.Table":
    if pq is None:
        missing("the package pyarrow is not installed: make setup")
    answer = service.client.get("/api/v1/runs/1/rows.parquet")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.headers["content-disposition"] == 'attachment; filename="run-1.parquet"'
    return pq.read_table(io.BytesIO(answer.content))


def test_every_value_is_there_exactly(analysed: Service) -> None:
    table = read(analysed)
    report = analysed.get("/api/v1/runs/1/report")
    for diagnostic, rows in report["tables"].items():
        assert table.column("weight").to_pylist() == [row["weight"] for row in rows]
        for name in rows[0].keys() & {"alpha", "num_evals", "warning", "low_confidence", "stable_rank"}:
            assert table.column(f"{diagnostic}.{name}").to_pylist() == [row[name] for row in rows]
    kinds = {field.name: str(field.type) for field in table.schema}
    assert (kinds["esd.alpha"], kinds["esd.num_evals"], kinds["esd.low_confidence"]) == ("double", "int64", "bool")
    assert (kinds["esd.warning"], kinds["depth"]) == ("string", "int64")
    assert table.schema.field("esd.alpha").metadata[b"title"] == "α".encode()


def test_rows_of_a_comparison_say_whose_they_are(compared: Service) -> None:
    found = read(compared)
    assert set(found.column("checkpoints").to_pylist()) >= {"base", "base, lora", "base, full"}
    by_scope = zip(
        found.column("norms.stable_rank").to_pylist(), found.column("update.relative_norm").to_pylist(), strict=True
    )
    assert all(norm is None or update is None for norm, update in by_scope)


def test_odd_names_are_text(service: Service) -> None:
    header = {name: entry(64 * n, 64 * n + 64, (4, 4)) for n, name in enumerate(ODD_NAMES)}
    service.upload(safetensors(header, bytes(64 * len(ODD_NAMES))))
    service.run(1)
    service.work()
    assert set(read(service).column("weight").to_pylist()) == set(ODD_NAMES)


def test_without_pyarrow_it_is_said(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    problem = analysed.get("/api/v1/runs/1/rows.parquet", 501)
    assert problem["code"] == "not-installed"
    assert "pip install 'eigenscope[tables]'" in problem["detail"]
    assert analysed.client.get("/api/v1/runs/1/tables/esd.csv").status_code == 200
