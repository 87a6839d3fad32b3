"""What a checkpoint's tensors make up: each part counted once, as coverage and comparisons see it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analysis.coverage import coverage
from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.formats.effective import grid_step, recognise, values
from analysis.formats.stored import Stored
from tests.analysis.formats.effective.files import opened


def quantised(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    scale = weight.abs().amax(1, keepdim=True) / 127
    return {"q.weight": (weight / scale).round().to(torch.int8), "q.weight_scale": scale}


def test_every_tensor_of_the_file_is_analysed_or_listed_once(tmp_path: Path) -> None:
    held = {**quantised(torch.randn(12, 9)), "n.weight_g": torch.rand(5, 1), "n.weight_v": torch.randn(5, 4)}
    found = coverage(opened(tmp_path, held).tensors)
    assert (found.tensors, found.analysed, len(found.skipped)) == (4, 2, 2)
    assert (found.parameters, found.analysed_parameters) == (12 * 9 + 12 + 5 * 4 + 5, 12 * 9 + 5 * 4)


def test_values_and_step_by_themselves(tmp_path: Path) -> None:
    weight = torch.randn(12, 9)
    tensors = opened(tmp_path, quantised(weight)).stored
    made = recognise(tensors, {}).weights["q.weight"]
    step = grid_step(made, tensors)
    assert step is not None
    assert float((torch.from_numpy(values(made, tensors)) - weight).abs().max()) < step


def test_the_row_says_that_its_values_lie_on_a_grid(tmp_path: Path) -> None:
    report = analyze(opened(tmp_path, quantised(torch.randn(12, 9))), requests({"norms": {}}))
    (row,) = report.tables[0].rows
    assert row.measurement.note is not None
    assert row.measurement.note.startswith(
        "dequantised from int8: a scale for each output; the step of its grid is 0.0"
    )


def test_a_quantised_model_meets_its_base_by_name_and_within_its_grid(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weight = torch.randn(120, 90)
    scale = weight.abs().max(1).values[:, None].float() / 127
    (tmp_path / "base").mkdir()
    save_file({"q.weight": weight}, tmp_path / "base" / "model.safetensors")
    (tmp_path / "tuned").mkdir()
    tuned = opened(tmp_path / "tuned", {"q.weight": (weight / scale).round().to(torch.int8), "q.weight_scale": scale})
    report = compare([open_checkpoint([tmp_path / "base"]), tuned], requests({"update": {}}, 2), ["base", "tuned"])
    (row,) = report.tables[0].rows
    assert row.value("rounding") == pytest.approx(1.0, abs=0.05)  # step² / 12 is the variance of rounding to a grid
    assert "hardly larger than the rounding" in report.summaries["update"].findings[0].text


def test_the_time_grows_as_the_tensors_do() -> None:
    """Each tensor is held against the names, not against a copy of all of them."""

    class Counted(dict[str, Stored]):
        seen = 0

        def __iter__(self) -> Iterator[str]:
            for name in super().__iter__():
                self.seen += 1
                yield name

    seen = []
    for count in (20, 200):
        tensors = Counted({f"layers.{at}.weight": Stored(Path("x"), 0, (4, 4), "float32") for at in range(count)})
        recognise(tensors, {})
        seen.append(tensors.seen)
    assert seen[1] < 15 * seen[0]
