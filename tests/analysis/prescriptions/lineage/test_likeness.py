import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from analysis.prescriptions.lineage.likeness import is_within_half_step, measure_likeness, relative_distance
from analysis.weight import Weight, WeightInfo

GOLDEN = Path(__file__).parents[3] / "golden" / "prescriptions"
NUMBERS = json.loads((GOLDEN / "prescriptions.json").read_text())["lineage"]


@pytest.fixture(scope="module")
def base() -> Any:
    return load_file(GOLDEN / "model.safetensors")[NUMBERS["tensor"]]


def weight(matrix: Any) -> Any:
    return Weight(WeightInfo("w", "w", matrix.shape[0], matrix.shape[1], 1, "up", 1), matrix[None])


def like(base: torch.Tensor, model: Any) -> Any:
    return measure_likeness(weight(base), weight(model))


def random_like(matrix: Any, seed: int = 0) -> Any:
    return torch.randn(matrix.shape, generator=torch.Generator().manual_seed(seed)) * matrix.std()


def low_rank(matrix: Any, size: float, seed: int = 0) -> Any:
    random = torch.Generator().manual_seed(seed)
    update = torch.randn(len(matrix), 4, generator=random) @ torch.randn(4, matrix.shape[1], generator=random)
    return matrix + update * (size * matrix.norm() / update.norm())


def test_a_fine_tune_is_near(base: torch.Tensor) -> None:
    found = like(base, low_rank(base, NUMBERS["finetune"]["relative"]))
    assert found.kind == "trained"
    assert found.is_near
    assert found.relative == pytest.approx(NUMBERS["finetune"]["relative"], rel=1e-4)
    assert found.cosine == pytest.approx(NUMBERS["finetune"]["cos"], abs=1e-4)


def test_permuted_units_have_the_same_singular_values(base: torch.Tensor) -> None:
    found = like(base, base[torch.randperm(len(base), generator=torch.Generator().manual_seed(1))])
    assert found.kind == "permuted"
    assert abs(found.cosine) < 0.1
    assert found.spectrum_distance < 1e-12
    assert found.relative == pytest.approx(math.sqrt(2 - 2 * found.cosine), rel=1e-6)


def test_an_unrelated_matrix_has_a_cosine_of_chance(base: torch.Tensor) -> None:
    found = like(base, random_like(base))
    assert found.kind == "new"
    assert found.chance == pytest.approx(NUMBERS["unrelated"]["bound_3_over_sqrt_d"])
    assert abs(found.cosine) < found.chance
    assert found.spectrum_distance > 0.01


def test_a_rotated_matrix_has_the_same_singular_values(base: torch.Tensor) -> None:
    turn = torch.linalg.qr(random_like(torch.randn(96, 96), 3).double()).Q
    found = like(base, (base.double() @ turn).float())
    assert found.kind == "rotated"
    assert found.spectrum_distance < 1e-5


def test_the_same_matrix_in_any_type_is_the_same(base: torch.Tensor) -> None:
    assert like(base, base.clone()).kind == "none"
    assert like(base, base.double()).kind == "none"
    assert like(base, base.bfloat16()).kind == "cast"


def test_changes_below_half_a_step_are_no_training(base: torch.Tensor) -> None:
    assert like(base, low_rank(base, 1e-6)).kind in ("rounded", "trained")
    quiet = base * (1 + 1e-4 * torch.sin(torch.arange(base.numel()).reshape(base.shape) * 1.0))
    assert like(base, quiet).kind == "rounded"
    assert is_within_half_step(base, base.bfloat16())
    assert not is_within_half_step(base, base * 1.01)
    assert not is_within_half_step(torch.zeros(2, 2), torch.full((2, 2), 1e-9))


@pytest.mark.parametrize("seed", range(5))
def test_rounding_to_bfloat16_is_always_within_half_a_step(seed: int) -> None:
    values = torch.from_numpy(np.random.default_rng(seed).standard_cauchy((200, 50)))
    assert is_within_half_step(values, values.bfloat16())
    assert not is_within_half_step(values, values.bfloat16().double() * (1 + 2**-8))


def test_a_zero_base_has_no_relative_distance() -> None:
    zero = torch.zeros(3, 2)
    assert relative_distance(zero, zero + 1) is None
    found = like(zero, zero + 1)
    assert (found.cosine, found.relative) == (None, None)
