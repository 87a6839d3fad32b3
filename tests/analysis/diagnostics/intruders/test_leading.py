"""The leading triplets against full SVDs, the bounds on their errors, and what fails the proof."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.intruders import leading as module
from analysis.diagnostics.intruders.leading import Leading, Operator, certify, errors, gaps, leading, rounding
from analysis.errors import NotFinite
from analysis.linalg.kernels import threads
from analysis.linalg.krylov import Ritz
from analysis.linalg.triplets import triplets
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import changed, low_rank, randn, weight


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


COUNT = 6
SHAPES = [(180, 180), (300, 170), (170, 300), (171, 170)]


@pytest.fixture(autouse=True)
def _small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE", 40)
    monkeypatch.setattr(module, "FACTORS", 40)


def decaying(rows: int, columns: int, seed: int = 0) -> Tensor:
    side = min(rows, columns)
    left, right = (torch.linalg.qr(randn(n, side, seed=seed + i)).Q for i, n in enumerate((rows, columns)))
    matrix: Tensor = (left * torch.arange(1.0, side + 1.0).pow(-0.4)) @ right.mT
    return matrix


def dense(base: Tensor) -> Weight:
    return changed(weight(base), base + 0.02 * base.norm() / len(base) * randn(*base.shape, seed=7))


def adapter(base: Tensor, rank: int = 3) -> Weight:
    left, right = randn(len(base), rank, seed=8), randn(rank, base.shape[1], seed=9)
    scale = 1.2 * float(torch.linalg.matrix_norm(base, 2)) / math.sqrt(base.numel())
    return low_rank(weight(base), scale * left, right)


def tuned_exactly(tuned: Weight) -> Tensor:
    """What the leading triplets are those of: a stored matrix, or the sum of the base and the factors' product."""
    if tuned.factors is None or tuned.base is None:
        return tuned.matrix.double()
    return tuned.base.matrix.double() + tuned.factors.left.double() @ tuned.factors.right.double()


def check(tuned: Weight, found: Leading, count: int = COUNT) -> None:
    """By numpy's SVD: the same values, and no vector farther from it than its bound and numpy's own rounding."""
    left, values, right = np.linalg.svd(tuned_exactly(tuned).numpy(), full_matrices=False)
    np.testing.assert_allclose(found.triplets.values.numpy(), values[:count], rtol=1e-8)
    for ours, theirs, bounds in (
        (found.triplets.left, left[:, :count], found.left_errors),
        (found.triplets.right, right.T[:, :count], found.right_errors),
    ):
        signs = np.sign((ours.numpy() * theirs).sum(axis=0))
        distance = np.linalg.norm(ours.numpy() * signs - theirs, axis=0)
        assert (distance <= bounds.numpy() + 1e-10).all(), (distance, bounds)
        assert float(bounds.max()) < 1e-4


@pytest.mark.parametrize("tune", [dense, adapter])
@pytest.mark.parametrize("shape", SHAPES)
def test_they_are_numpys_within_their_bounds(shape: tuple[int, int], tune: Callable[[Tensor], Weight]) -> None:
    tuned = tune(decaying(*shape))
    found = leading(tuned, COUNT)
    assert found.method == "leading"
    check(tuned, found)


@pytest.mark.parametrize("seed", range(12))
def test_the_bounds_hold_on_the_edge_of_noise(seed: int) -> None:
    """Gaussian matrices have no gaps to speak of; whichever way they go, the bounds must hold."""
    tuned = (dense, adapter)[seed % 2](randn(100, 90, seed=100 + seed))
    found = leading(tuned, COUNT)
    check(tuned, found)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_way_finds_them(shape: tuple[int, int]) -> None:
    """The tridiagonal form, the Krylov space of the Gram matrix, and that of a base and factors; none needs another."""
    base, tuned = decaying(*shape), adapter(decaying(*shape))
    assert tuned.base is not None
    ways = (
        module.by_reduction(module.exact_matrix(tuned), COUNT),
        module.by_gram(tuned.base.triplets, Weight(tuned.info, module.exact_matrix(tuned)[None]), COUNT),
        module.by_factors(weight(base), tuned.update, COUNT),
        module.by_factors(tuned.base, tuned.update, COUNT),  # whose triplets are known by now
    )
    for found in ways:
        assert found is not None
        check(tuned, found)


def test_the_base_is_not_decomposed_for_its_vectors() -> None:
    tuned = adapter(decaying(180, 170))
    leading(tuned, COUNT)
    assert tuned.base is not None
    assert not tuned.base.is_decomposed


def test_small_ones_are_decomposed_whole() -> None:
    tuned = adapter(decaying(40, 60))
    found = leading(tuned, COUNT)
    assert found.method == "full"
    check(Weight(tuned.info, tuned.slices), found)


def test_the_tuned_that_is_the_base_has_the_bases_own() -> None:
    base = weight(torch.eye(60))
    found = leading(changed(base, base.slices.clone()), COUNT)
    assert found.method == "same"
    along = base.axes.along_left(found.triplets.left)
    torch.testing.assert_close(along, torch.eye(60, COUNT, dtype=torch.float64), atol=1e-12, rtol=0.0)
    assert float(found.left_errors.max()) == 0.0


def test_a_rank_smaller_than_the_count_ends_it() -> None:
    base = weight(randn(60, 4).round() @ randn(4, 60, seed=1).round())  # whole numbers: exact in float32
    found = leading(changed(base, base.slices * 1.5), 24)
    assert found.method == "full"
    assert len(found.triplets.values) == 4


def test_more_equal_singular_values_than_a_block_finds_are_no_false_bound() -> None:
    """Eight times the same: a Krylov space from four vectors sees four of them, and the proof must fail."""
    values = torch.cat([torch.full((8,), 3.0), torch.linspace(1.0, 0.1, 92)])
    left, right = (torch.linalg.qr(randn(100, 100, seed=seed).double()).Q for seed in (0, 1))
    base = weight(left * values @ right.mT)
    for tuned in (changed(base, base.slices * 1.25), low_rank(base, 1e-30 * randn(100, 1), randn(1, 100, seed=2))):
        found = leading(tuned, 10)
        assert found.method in ("full", "same")
        sharper = changed(weight(randn(100, 100, seed=5)), tuned.slices)
        assert leading(sharper, 10).method == "full"
        assert leading(sharper, 10).triplets.values[:8].tolist() == pytest.approx([float(tuned.triplets.values[0])] * 8)


def test_an_eigenvalue_that_the_search_cannot_see_fails_the_proof() -> None:
    """The start lies in an invariant space without the largest eigenvector, as when a base hides it."""
    matrix = torch.diag(torch.cat([torch.linspace(1.0, 2.0, 59), torch.tensor([9.0])]).double())
    blind = Ritz(
        torch.linspace(2.0, 1.0, 59).double()[:4], torch.eye(60).double()[55:59].flip(0), torch.zeros(4).double()
    )

    def proves(found: Ritz, bound: float) -> bool:
        rest = bound * torch.eye(60).double() - matrix + found.vectors.mT @ (found.values[:, None] * found.vectors)
        return int(torch.linalg.cholesky_ex(rest).info) == 0

    assert not proves(blind, 1.9)
    deaf = matrix.clone()
    deaf[59, 59] = 0.0  # what the search is shown
    start = torch.eye(60).double()[50:59]
    seen = Operator(lambda rows: rows @ deaf, (60, 60), float(matrix.trace()), proves)
    assert certify(seen, start, 3, 60) is None
    heard = Operator(lambda rows: rows @ matrix, (60, 60), float(matrix.trace()), proves)
    found = certify(heard, start, 3, 60)
    assert found is not None
    assert float(found[0].values[0]) == pytest.approx(9.0)


def test_bounds_by_hand() -> None:
    """A residual of 0.01 and a distance of 0.5 - 0.01·√3 less rounding: a sine of about 0.0207."""
    found = Ritz(
        torch.tensor([3.0, 2.5, 2.0]).double(), torch.eye(3, 9).double(), torch.full((3,), 0.01, dtype=torch.float64)
    )
    operator = Operator(lambda rows: rows, (9, 9), 20.0, lambda _, bound: True)
    bound = math.sqrt(2.0) * 0.01 / (0.5 - 0.01 * math.sqrt(3.0))
    assert errors(found, 1.5, operator).tolist() == pytest.approx([bound] * 3, rel=1e-9)
    assert errors(found, 1.99, operator).tolist() == pytest.approx([math.sqrt(2.0)] * 3)  # the last may not be the next


def test_gaps_and_rounding() -> None:
    squares = torch.tensor([9.0, 4.0, 3.0, 1.0]).double()
    assert gaps(squares, 0.5).tolist() == [5.0, 1.0, 1.0, 0.5]
    twice = triplets(torch.diag(torch.tensor([3.0, 2.0, 2.0, 1.0])))
    assert rounding(twice)[0] < 1e-12
    assert rounding(twice)[1] == pytest.approx(math.sqrt(2.0))
    assert rounding(triplets(torch.zeros(3, 3))).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("tune", [dense, adapter])
def test_what_is_not_finite_is_named(tune: Callable[[Tensor], Weight]) -> None:
    tuned = tune(decaying(90, 80))
    tuned.slices[0, 3, 3] = math.nan
    with pytest.raises(NotFinite, match=r"^layers.0.mlp.up_proj.weight: 1 of 7200 values"):
        leading(tuned, COUNT)
