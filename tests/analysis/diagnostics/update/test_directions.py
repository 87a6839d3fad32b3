"""Shares and amplification of an update against the dense formulas and what chance gives."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.update.directions import amplification, calm, measure_inside, project_matrix
from analysis.linalg.triplets import product_triplets, triplets
from analysis.weight import Weight, WeightInfo


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(40, 25), (25, 40)])
@pytest.mark.parametrize("rank", [1, 4, 25])
def test_equal_to_the_dense_formulas(shape: tuple[int, int], rank: int) -> None:
    base, left, right = randn(*shape), randn(shape[0], rank, seed=1), randn(rank, shape[1], seed=2)
    update = (left @ right).numpy()
    u, _, vt = np.linalg.svd(base.numpy())
    whole = np.linalg.norm(update) ** 2
    found = measure_inside(product_triplets(left, right), triplets(base), 6)
    assert found is not None
    assert found.left == pytest.approx(np.linalg.norm(u[:, :6].T @ update) ** 2 / whole, rel=1e-10)
    assert found.right == pytest.approx(np.linalg.norm(update @ vt[:6].T) ** 2 / whole, rel=1e-10)
    assert found.both == pytest.approx(np.linalg.norm(u[:, :6].T @ update @ vt[:6].T) ** 2 / whole, rel=1e-10)
    assert found.chance == pytest.approx((6 / shape[0] + 6 / shape[1]) / 2)
    a, s, bt = np.linalg.svd(update)
    r = min(3, rank)
    expected = np.linalg.norm(s[:r]) / np.linalg.norm(a[:, :r].T @ base.numpy() @ bt[:r].T)
    assert amplification(product_triplets(left, right), triplets(base), 3) == pytest.approx(expected, rel=1e-9)


def test_chance_is_what_random_updates_give() -> None:
    base = triplets(randn(60, 30))
    found = [measure_inside(triplets(randn(60, 30, seed=k)), base, 10) for k in range(1, 60)]
    shares = np.array([(one.left, one.right, one.both, one.chance) for one in found if one is not None])
    assert shares.mean(axis=0) == pytest.approx([10 / 60, 10 / 30, 100 / 1800, 0.25], rel=0.02)


def test_an_update_along_the_base_lies_inside_it() -> None:
    base = triplets(randn(30, 20))
    along = base.left[:, :2] @ base.right[:, :2].mT
    found = measure_inside(triplets(along), base, 2)
    assert found is not None
    assert (found.left, found.right, found.both) == pytest.approx((1.0, 1.0, 1.0))
    weak = base.left[:, -1:] @ base.right[:, -1:].mT
    found = measure_inside(triplets(weak), base, 2)
    assert found is not None
    assert (found.left, found.right, found.both) == pytest.approx((0.0, 0.0, 0.0), abs=1e-20)
    factor = amplification(triplets(weak), base, 64)
    assert factor == pytest.approx(1.0 / float(base.values[-1]))


def test_what_is_zero_has_no_share() -> None:
    zero, base = triplets(torch.zeros(6, 4)), triplets(randn(6, 4))
    assert measure_inside(zero, base, 2) is None
    assert measure_inside(base, zero, 2) is None
    assert amplification(zero, base, 2) is None
    assert amplification(base, zero, 2) is None


def test_seen_forms_nothing_that_differs() -> None:
    matrix, left, right = randn(12, 7), randn(12, 3, seed=1), randn(7, 2, seed=2)
    torch.testing.assert_close(project_matrix(triplets(matrix), left, right), left.mT @ matrix @ right)


def test_small_weights_have_one_thread() -> None:
    threads = torch.get_num_threads()
    info = WeightInfo("w", "w", 3, 2, 1, "up", 0)
    with calm(Weight(info, torch.zeros(1, 3, 2))):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads
