"""Shares and amplification of an update against the dense formulas and what chance gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.update.directions import Inside, amplification, calm, measure_inside, project_matrix
from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import triplets
from analysis.weight import Factors, Weight, WeightInfo


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weight(matrix: Tensor) -> Weight:
    rows, columns = matrix.shape
    return Weight(WeightInfo("w", "w", rows, columns, 1, "up", 0), matrix[None])


def tuned_by(base: Weight, update: Tensor) -> Weight:
    return replace(base, numbers=base.slices + update, base=base)


def inside(base: Weight, tuned: Weight, directions: int) -> Inside | None:
    return measure_inside(base, tuned, base.axes.leading(min(directions, extent(base.axes))))


@pytest.mark.parametrize("shape", [(40, 25), (25, 40)])
@pytest.mark.parametrize("rank", [1, 4, 25])
@pytest.mark.parametrize("how", ["factors", "stored", "decomposed"])
def test_equal_to_the_dense_formulas(shape: tuple[int, int], rank: int, how: str) -> None:
    base, left, right = weight(randn(*shape)), randn(shape[0], rank, seed=1), randn(rank, shape[1], seed=2)
    tuned, update = tuned_by(base, left @ right), (left @ right).numpy()
    if how == "factors":
        tuned = replace(tuned, factors=Factors(left, right))
    if how == "decomposed":
        _ = base.triplets, tuned.update
    u, _, vt = np.linalg.svd(base.matrix.numpy())
    whole = np.linalg.norm(update) ** 2
    found = inside(base, tuned, 6)
    assert found is not None
    assert found.left == pytest.approx(np.linalg.norm(u[:, :6].T @ update) ** 2 / whole, rel=1e-10)
    assert found.right == pytest.approx(np.linalg.norm(update @ vt[:6].T) ** 2 / whole, rel=1e-10)
    assert found.both == pytest.approx(np.linalg.norm(u[:, :6].T @ update @ vt[:6].T) ** 2 / whole, rel=1e-10)
    assert found.chance == pytest.approx((6 / shape[0] + 6 / shape[1]) / 2)
    a, s, bt = np.linalg.svd(update)
    r = min(3, rank)
    expected = np.linalg.norm(s[:r]) / np.linalg.norm(a[:, :r].T @ base.matrix.numpy() @ bt[:r].T)
    assert amplification(base, tuned, 3) == pytest.approx(expected, rel=1e-9)
    assert base.is_decomposed is (how == "decomposed")


def test_chance_is_what_random_updates_give() -> None:
    base = weight(randn(60, 30))
    found = [inside(base, tuned_by(base, randn(60, 30, seed=k)), 10) for k in range(1, 60)]
    shares = np.array([(one.left, one.right, one.both, one.chance) for one in found if one is not None])
    assert shares.mean(axis=0) == pytest.approx([10 / 60, 10 / 30, 100 / 1800, 0.25], rel=0.02)


def test_an_update_along_the_base_lies_inside_it() -> None:
    base = weight(randn(30, 20))
    known = base.triplets
    found = inside(base, tuned_by(base, known.left[:, :2] @ known.right[:, :2].mT), 2)
    assert found is not None
    assert (found.left, found.right, found.both) == pytest.approx((1.0, 1.0, 1.0))
    weak = tuned_by(base, known.left[:, -1:] @ known.right[:, -1:].mT)
    found = inside(base, weak, 2)
    assert found is not None
    assert (found.left, found.right, found.both) == pytest.approx((0.0, 0.0, 0.0), abs=1e-20)
    assert amplification(base, weak, 64) == pytest.approx(1.0 / float(known.values[-1]))


def test_what_is_zero_has_no_share() -> None:
    zero, base = weight(torch.zeros(6, 4).double()), weight(randn(6, 4))
    same, new = tuned_by(base, torch.zeros(6, 4)), tuned_by(zero, randn(6, 4))
    assert inside(base, same, 2) is None
    assert inside(zero, new, 2) is None
    assert amplification(base, same, 2) is None
    assert amplification(zero, new, 2) is None


def test_seen_forms_nothing_that_differs() -> None:
    matrix, left, right = randn(12, 7), randn(12, 3, seed=1), randn(7, 2, seed=2)
    torch.testing.assert_close(project_matrix(triplets(matrix), left, right), left.mT @ matrix @ right)


def test_small_weights_have_one_thread() -> None:
    threads = torch.get_num_threads()
    info = WeightInfo("w", "w", 3, 2, 1, "up", 0)
    with calm(Weight(info, torch.zeros(1, 3, 2))):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads
