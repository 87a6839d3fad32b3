"""One checkpoint from tensors to the object that is printed, with the bad ones among the good."""

import json
import math
from collections.abc import Mapping
from typing import Literal

import pytest
import torch
from torch import Tensor

from analysis.diagnostics import requests
from analysis.report import Report, analyze, measure_tensor
from analysis.tensors.matrices import Header, describe
from analysis.weight import TensorInfo

BOTH = requests({"esd": {}, "norms": {}})


class InMemory:
    """A checkpoint that was never a file."""

    format = "memory"
    kind: Literal["model", "adapter"] = "model"
    facts: Mapping[str, float | int | str | bool | None] = {}

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = state
        self.read_names: list[str] = []
        headers = {n: Header(tuple(t.shape), str(t.dtype).removeprefix("torch."), t.nbytes) for n, t in state.items()}
        self.tensors = describe(headers)

    def read(self, name: str) -> Tensor:
        self.read_names.append(name)
        return self.state[name]


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def checkpoint() -> InMemory:
    nan = randn(40, 40)
    nan[3, 4] = math.nan
    return InMemory({
        "model.embed_tokens.weight": randn(300, 60),
        "model.layers.0.self_attn.q_proj.weight": randn(60, 60, seed=1),
        "model.layers.0.self_attn.k_proj.weight": nan,
        "model.layers.0.mlp.experts.down_proj": randn(2, 40, 60, seed=2),
        "model.layers.0.input_layernorm.weight": torch.ones(60),
        "zero.weight": torch.zeros(30, 30),
        "steps": torch.tensor(7),
    })  # fmt: skip


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


def test_the_object_is_json_without_nan(report: Report) -> None:
    said = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert list(said) == ["coverage", "summary", "tables", "findings"]
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
    assert "Block 0 · key could not be measured" in texts
    assert "all zeros" in texts


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


def test_a_report_twice_is_the_same(checkpoint: InMemory, report: Report) -> None:
    assert analyze(checkpoint, BOTH).to_json() == report.to_json()
