"""One checkpoint measured tensor by tensor: its rows, its coverage, and what does not fit in memory."""

import pytest

from analysis.diagnostics import requests
from analysis.engine.single import analyze, measure_tensor
from analysis.report import Report
from analysis.weight import TensorInfo
from tests.analysis.examples import InMemory, some_tensors

BOTH = requests({"esd": {}, "norms": {}})


@pytest.fixture
def checkpoint() -> InMemory:
    return some_tensors()


@pytest.fixture
def report(checkpoint: InMemory) -> Report:
    return analyze(checkpoint, BOTH)


def test_a_report_starts_with_its_coverage(report: Report) -> None:
    covered = report.coverage
    assert (covered.tensors, covered.analysed) == (7, 4)
    assert covered.parameters == 300 * 60 + 3600 + 1600 + 4800 + 60 + 900 + 1
    assert covered.analysed_parameters == covered.parameters - 1600 - 60 - 1
    left_out = {skipped.tensor: skipped.reason for skipped in covered.skipped}
    assert "1 of 1600 values are NaN" in left_out["model.layers.0.self_attn.k_proj.weight"]
    assert "norm gain" in left_out["model.layers.0.input_layernorm.weight"]
    assert dict(covered.reasons())["whole numbers (int64), no weight"] == 1


def test_each_weight_has_a_row_in_each_table(report: Report) -> None:
    names = [row.weight.name for row in report.tables[0].rows]
    assert names == [row.weight.name for row in report.tables[1].rows]
    assert len(names) == 6
    assert names[3:5] == [f"model.layers.0.mlp.experts.{e}.down_proj" for e in (0, 1)]


def test_progress_hears_of_every_tensor_and_skipped_ones_are_not_read(checkpoint: InMemory) -> None:
    heard: list[TensorInfo] = []
    analyze(checkpoint, requests({"norms": {}}), progress=heard.append)
    assert heard == list(checkpoint.tensors)
    assert "steps" not in checkpoint.read_names
    assert len(checkpoint.read_names) == 5


def test_rows_carry_the_place_of_their_checkpoint(checkpoint: InMemory) -> None:
    rows = list(measure_tensor(checkpoint, checkpoint.tensors[0], BOTH, position=2))
    assert [(name, row.group) for name, row in rows] == [("esd", (2,)), ("norms", (2,))]


def test_what_needs_more_memory_than_allowed_is_left_out_with_the_numbers(checkpoint: InMemory) -> None:
    report = analyze(checkpoint, requests({"norms": {}, "random_matrix": {}}), memory=60 * 300 * 4 + 16 * 60**2 + 1)
    assert report.coverage.analysed == 5 - 1  # the one with NaN
    (row,) = (row for row in report.tables[1].rows if row.weight.name == "model.embed_tokens.weight")
    assert row.value("num_above_random") is None
    assert "measuring 300 × 60 takes 201,600 bytes of memory, and 129,601 bytes are allowed" in str(
        row.measurement.note
    )
    assert report.tables[0].rows[0].value("norm") is not None  # which needs no shuffled copy


def test_what_fits_in_no_memory_is_not_read(checkpoint: InMemory) -> None:
    report = analyze(checkpoint, BOTH, memory=1000)
    assert checkpoint.read_names == []
    assert report.coverage.analysed == 0
    assert len(report.tables[0].rows) == 6  # one for each weight, both experts among them
    left_out = {skipped.tensor: skipped.reason for skipped in report.coverage.skipped}
    assert "set EIGENSCOPE_MEMORY_LIMIT" in left_out["model.layers.0.mlp.experts.down_proj"]
