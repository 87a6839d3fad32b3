import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from examples import measure
from examples.recipes import Recipe

FULL = Recipe(rank=0, alpha=0, rate=1e-4, speed="low", seed=0)


@pytest.fixture
def tuned(tmp_path: Path, minilm: Path) -> dict[str, torch.Tensor]:
    """MiniLM with one new direction in a matrix of block 2, and one that grew in a matrix of block 4, saved."""
    weights = load_file(minilm)
    name = "encoder.layer.2.attention.self.query.weight"
    random = torch.Generator().manual_seed(0)
    one, other = (torch.nn.functional.normalize(torch.randn(384, generator=random), dim=0) for _ in range(2))
    weights[name] = weights[name] + 2 * torch.linalg.matrix_norm(weights[name], 2) * torch.outer(one, other)
    grown = "encoder.layer.4.intermediate.dense.weight"
    weights[grown] = 1.5 * weights[grown]
    place = tmp_path / FULL.name
    place.mkdir()
    save_file(weights, place / "model.safetensors")
    return weights


@pytest.mark.usefixtures("tuned")
def test_one_new_direction_is_one_intruder(tmp_path: Path) -> None:
    found = measure.measure([FULL], tmp_path)[FULL.name]
    assert (found.intruders, found.matrices, found.matrices_with) == (1, 36, 1)
    assert found.by_depth == {0: 0, 1: 0, 2: 1, 3: 0, 4: 0, 5: 0}
    assert found.relative_norm == 0.0
    at = int(np.argmin(np.abs(np.array(found.sweep_epsilon) - measure.EPSILON)))
    assert found.sweep_count[at] == 1
    assert found.sweep_count == sorted(found.sweep_count)


@pytest.mark.usefixtures("tuned")
def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    first = measure.measure([FULL], tmp_path)
    (tmp_path / FULL.name / "model.safetensors").unlink()
    assert measure.measure([FULL], tmp_path) == first
    assert FULL.name in json.loads((tmp_path / measure.MEASURED).read_text())


def test_an_adapter_has_two_files(tmp_path: Path) -> None:
    recipe = Recipe(rank=8, alpha=16, rate=1e-4, speed="low", seed=0)
    assert [path.name for path in measure.files(recipe, tmp_path)] == [
        "adapter_model.safetensors",
        "adapter_config.json",
    ]
