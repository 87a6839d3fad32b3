"""Changes that are no training are recognised, and true training is not taken for one of them."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.diagnostics.update import kinds
from analysis.diagnostics.update.kinds import kind_of_change, largest_by_power
from tests.analysis.diagnostics.battery import changed, low_rank, randn, weight

BASE = weight(randn(96, 64))
MATRIX = BASE.slices[0]


def kind(matrix: Tensor) -> str:
    return kind_of_change(BASE, changed(BASE, matrix))


def order(count: int, seed: int = 0) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_a_cast_is_one_however_it_is_stored(half: torch.dtype) -> None:
    assert kind(MATRIX.to(half)) == kind(MATRIX.to(half).float()) == "cast"


@pytest.mark.parametrize("factor", [0.5, 0.98, 1.0001, 3.0])
def test_a_factor_is_scaling(factor: float) -> None:
    assert kind(factor * MATRIX) == "scaled"


def test_rows_and_columns_in_another_order() -> None:
    assert kind(MATRIX[order(96)]) == kind(MATRIX[:, order(64)]) == kind(MATRIX[order(96)][:, order(64)]) == "permuted"
    assert kind(MATRIX[[1, 0, *range(2, 96)]]) == "permuted"


def test_an_edit_of_few_entries_is_no_other_order() -> None:
    edited = MATRIX.clone()
    edited[3, 4] += 1e-6
    assert kind(edited) == "trained"


@pytest.mark.parametrize("size", [1e-3, 0.1, 1.0])
def test_independent_numbers_are_noise(size: float) -> None:
    assert kind(MATRIX + size * randn(96, 64, seed=1)) == "noise"
    uniform = torch.rand(96, 64, generator=torch.Generator().manual_seed(2)) - 0.5
    assert kind(MATRIX + size * uniform) == "noise"


def test_nothing_new_and_all_new() -> None:
    assert kind(MATRIX.clone()) == kind(MATRIX.double()) == "none"
    assert kind(randn(96, 64, seed=1)) == "new"


def test_an_adapter_is_trained() -> None:
    assert kind_of_change(BASE, low_rank(BASE, 1e-3 * randn(96, 4), randn(4, 64))) == "trained"


def test_equal_singular_values_are_no_noise() -> None:
    assert kind(MATRIX + 0.01 * torch.linalg.qr(randn(96, 64, seed=3)).Q) == "trained"


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_trained_network_is_trained(optimiser: str) -> None:
    """Three layers, on labels of a random teacher: no layer is taken for anything else, after few steps and many."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(48, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 40))
    inputs = randn(512, 48, seed=5)
    labels = (inputs @ randn(48, 40, seed=6)).argmax(dim=1)
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    before = [layer.weight.detach().clone() for layer in layers]
    weights = list(net.parameters())
    step = torch.optim.SGD(weights, 0.1) if optimiser == "sgd" else torch.optim.AdamW(weights, 1e-3)
    for count in range(1, 41):
        step.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(net(inputs), labels))
        step.step()
        if count in (2, 40):
            found = [
                kind_of_change(one := weight(old), changed(one, layer.weight.detach().clone()))
                for old, layer in zip(before, layers, strict=True)
            ]
            assert found == ["trained"] * 3


def test_the_largest_by_power_is_numpys_where_it_stands_alone() -> None:
    matrix = (randn(80, 50) + 0.5 * randn(80, 1, seed=1) @ randn(1, 50, seed=2)).double()
    assert largest_by_power(matrix) == pytest.approx(np.linalg.norm(matrix.numpy(), 2), rel=1e-3)
    noise = randn(80, 50).double()
    exact = np.linalg.norm(noise.numpy(), 2)
    assert 0.9 * exact < largest_by_power(noise) <= exact * (1.0 + 1e-12)


def test_a_kind_is_found_once_for_all_diagnostics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a pair; beside another base the same weight has another kind."""
    found = iter(["kind 1", "kind 2"])
    monkeypatch.setattr(kinds, "_kind", lambda base, tuned: next(found))
    tuned = changed(BASE, MATRIX + 1.0)
    assert [kind_of_change(BASE, tuned), kind_of_change(BASE, tuned)] == ["kind 1", "kind 1"]
    assert kind_of_change(weight(MATRIX), tuned) == "kind 2"


def test_all_zeros_and_entries_set_to_zero() -> None:
    assert kind(torch.zeros(96, 64)) == "zeroed"
    assert kind(torch.where(MATRIX.abs() > 0.7, MATRIX, 0.0)) == "pruned"
    assert kind_of_change(BASE, low_rank(BASE, torch.zeros(96, 4), randn(4, 64))) == "none"


@pytest.mark.parametrize("steps", [7, 127])
def test_rounding_to_a_grid_of_rows_or_of_the_whole(steps: int) -> None:
    for scale in (MATRIX.abs().amax(1, keepdim=True) / steps, MATRIX.abs().max() / steps):
        assert kind((MATRIX / scale).round() * scale) == "quantised"
        assert kind(((MATRIX + randn(96, 1, seed=3) @ randn(1, 64, seed=4)) / scale).round() * scale) == "trained"


def test_the_base_times_minus_one_is_scaled_and_not_new() -> None:
    assert kind(-MATRIX) == kind(-0.5 * MATRIX) == "scaled"


def test_a_square_matrix_transposed() -> None:
    square = weight(randn(64, 64))
    assert kind_of_change(square, changed(square, square.slices[0].T.contiguous())) == "transposed"


@pytest.mark.parametrize("line", [(96, 1), (1, 64)])
def test_a_factor_or_a_sign_of_each_row_or_column(line: tuple[int, int]) -> None:
    gains, signs = torch.exp(0.3 * randn(*line, seed=3)), torch.sign(randn(*line, seed=4))
    assert kind(gains * MATRIX) == kind(signs * MATRIX) == kind((gains * MATRIX).bfloat16()) == "lines"
    assert kind(gains * MATRIX + 0.3 * randn(96, 1, seed=5) @ randn(1, 64, seed=6)) == "trained"


def test_what_was_pruned_and_then_changed_is_no_noise() -> None:
    kept = MATRIX.abs() > MATRIX.abs().median()
    assert kind(kept * (MATRIX + 0.01 * randn(96, 64, seed=7))) == "trained"
