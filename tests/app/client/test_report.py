"""A report as rows and as a data frame."""

import sys
from typing import Any

import pytest

from app.client.report import Report
from tests.service import Service

BODY: dict[str, Any] = {
    "coverage": {"tensors": 1},
    "summary": {"esd": {"headline": "One layer.", "median": 3.0}, "norms": {"headline": ""}},
    "tables": {
        "esd": [{"weight": "a", "tensor": "a", "label": "A", "group": [0], "alpha": 3.0, "note": None}],
        "norms": [
            {"weight": "a", "tensor": "a", "label": "A", "group": [0], "stable_rank": 2.0, "note": "flat"},
            {"weight": "b", "tensor": "b", "label": "B", "group": [0], "stable_rank": 1.0, "note": None},
        ],
    },
    "findings": [{"severity": "warn", "text": "flat"}],
}


def test_the_rows_of_a_layer_are_one() -> None:
    first, second = Report(BODY).layers
    about = {"weight": "a", "tensor": "a", "label": "A", "group": [0]}
    measured = {"esd.alpha": 3.0, "esd.note": None, "norms.stable_rank": 2.0, "norms.note": "flat"}
    assert first == about | measured
    assert (second["weight"], "esd.alpha" in second) == ("b", False)


def test_what_it_says() -> None:
    report = Report(BODY)
    assert report.headlines == {"esd": "One layer.", "norms": ""}
    assert (report.findings[0]["text"], report.coverage["tensors"]) == ("flat", 1)
    assert [row["weight"] for row in report.table("norms")] == ["a", "b"]
    with pytest.raises(KeyError):
        report.table("farms")


def test_layers_of_several_checkpoints_are_kept_apart(compared: Service) -> None:
    report = Report(compared.get("/api/v1/runs/1/report"))
    keys = [(tuple(row["group"]), row["tensor"], row["weight"]) for row in report.layers]
    assert len(keys) == len(set(keys))
    assert {group for group, _, _ in keys} == {(0,), (1,), (2,), (0, 1), (0, 2)}
    assert {tuple(row["checkpoints"]) for row in report.layers if row["group"] == [0, 2]} == {("base", "full")}


def test_a_data_frame_has_every_column() -> None:
    pytest.importorskip("pandas")
    frame = Report(BODY).to_pandas()
    assert list(frame["weight"]) == ["a", "b"]
    assert frame["norms.stable_rank"].sum() == 3.0
    assert frame["esd.alpha"].isna().tolist() == [False, True]


def test_without_pandas_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        Report(BODY).to_pandas()
