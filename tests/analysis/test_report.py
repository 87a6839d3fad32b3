"""What a report says of one checkpoint, as the object that is printed."""

import json

import pytest

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.report import Report
from tests.analysis.examples import some_tensors

BOTH = requests({"esd": {}, "norms": {}})


@pytest.fixture(scope="module")
def report() -> Report:
    return analyze(some_tensors(), BOTH)


def test_the_object_is_json_without_nan(report: Report) -> None:
    said = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert list(said) == ["coverage", "summary", "tables", "findings", "options"]
    assert said["options"]["norms"] == dict(BOTH[1].options)
    assert list(said["tables"]) == ["esd", "norms"]
    first = said["tables"]["esd"][0]
    assert (first["weight"], first["shape"], first["role"]) == ("model.embed_tokens.weight", [300, 60], "embedding")
    assert first["alpha"] > 1.0
    bad = said["tables"]["esd"][2]
    assert bad["alpha"] is None
    assert "NaN" in bad["note"]


def test_findings_come_worst_first(report: Report) -> None:
    order = [finding["severity"] for finding in report.to_json()["findings"]]
    assert order == sorted(order, key=["bad", "warn", "note"].index)
    texts = " ".join(finding["text"] for finding in report.to_json()["findings"])
    assert "Key projection (k_proj) of block 0 holds values that are NaN or infinite" in texts
    assert "all zeros" in texts


def test_a_report_twice_is_the_same(report: Report) -> None:
    assert analyze(some_tensors(), BOTH).to_json() == report.to_json()
