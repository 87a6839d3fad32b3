"""The largest singular value: numpy's, within a bound that holds, and found without the others."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.top_singular_value import largest as module
from analysis.diagnostics.top_singular_value.largest import (
    GOAL,
    RISK,
    TopValue,
    by_krylov,
    find_reach,
    largest,
    least_part,
    rounding,
    top_value,
)
from analysis.errors import NotFinite
from analysis.linalg.krylov import spaces
from analysis.weight import Weight, WeightInfo

SIDE = 560


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_values(values: Tensor, rows: int = SIDE) -> Tensor:
    """A matrix with these singular values."""
    left, right = (torch.linalg.qr(randn(n, len(values), seed=n).double()).Q for n in (rows, len(values)))
    found: Tensor = (left * values) @ right.T
    return found


def steep() -> Tensor:
    return with_values(torch.arange(1.0, SIDE + 1.0).double().pow(-0.5))


MATRICES: dict[str, Callable[[], Tensor]] = {
    "gaussian": lambda: randn(SIDE, SIDE),
    "tall": lambda: randn(3 * SIDE, SIDE),
    "wide": lambda: randn(SIDE, 2 * SIDE),
    "half": lambda: randn(SIDE, SIDE).to(torch.bfloat16),
    "double": steep,
    "tiny": lambda: steep() * 1e-30,
    "huge": lambda: steep() * 1e30,
    "rank 1": lambda: randn(SIDE, 1) @ randn(1, SIDE),
    "rank 3": lambda: randn(SIDE, 3) @ randn(3, SIDE),
    "all equal": lambda: torch.eye(SIDE),
    "close": lambda: with_values(
        torch.cat([torch.tensor([1.0, 1.0 - 1e-3]), torch.linspace(0.9, 0.1, SIDE - 2)]).double()
    ),
    "transposed": lambda: randn(SIDE, 2 * SIDE).T,
}


@pytest.mark.parametrize("name", MATRICES)
def test_it_is_numpys_within_its_bound(name: str) -> None:
    matrix = MATRICES[name]()
    found = largest(matrix)
    said = float(np.linalg.svd(matrix.double().numpy(), compute_uv=False)[0])
    assert found.method == ("full" if name == "all equal" else "krylov")
    assert 0.0 <= found.error <= GOAL
    assert found.value <= said * (1.0 + 1e-12)
    assert said <= found.value * (1.0 + found.error) * (1.0 + 1e-12)
    assert found.squared_norm == pytest.approx(float(matrix.double().square().sum()), rel=1e-12)


def stages(matrix: Tensor) -> list[tuple[float, float, float]]:
    """What the start has of the first direction, what it may have at most, and what one 10 % above may, by space."""
    values, vectors = torch.linalg.eigh(matrix.T @ matrix)
    start = randn(1, len(matrix)).double()
    part = abs(float(start @ vectors[:, -1]) / float(start.norm()))
    found = []
    for space in spaces(lambda rows: (rows @ matrix.T) @ matrix, start, 4, 80):
        theta, reach = find_reach(space, len(matrix), float(matrix.square().sum()))
        if (excess := float(values[-1]) / theta - 1.0) > 1e-12:
            found.append((part, reach.at(excess), reach.at(0.1)))
    return found


@pytest.mark.parametrize(
    "make", [lambda: randn(200, 200).double(), lambda: with_values(torch.linspace(1, 0.01, 200).double(), 200)]
)
def test_no_space_denies_the_eigenvalue_that_it_has_not_found_yet(make: Callable[[], Tensor]) -> None:
    """The bound at the true largest eigenvalue is never below what the start really has of its vector."""
    found = stages(make())
    assert len(found) > 5
    assert all(part <= bound * (1.0 + 1e-6) for part, bound, _ in found)
    assert found[-1][2] < 1e-3 * found[0][2]


def test_what_chance_hides() -> None:
    """On a sphere the height is uniform (Archimedes), on a circle its arcsine is."""
    assert least_part(3) == pytest.approx(RISK, rel=1e-6)
    assert least_part(2) == pytest.approx(math.sin(RISK * math.pi / 2.0), rel=1e-6)
    assert least_part(2000) == pytest.approx(RISK * math.sqrt(math.pi / 2.0 / 2000), rel=1e-3)


def test_a_product_errs_by_less_than_its_bound() -> None:
    matrix, rows = randn(1000, 800).double(), randn(1, 800).double()
    rows /= rows.norm()
    wide = matrix.numpy().astype(np.longdouble)
    exact = (rows.numpy().astype(np.longdouble) @ wide.T) @ wide
    error = float(np.linalg.norm(((rows @ matrix.T) @ matrix).numpy() - exact))
    square = float(torch.linalg.matrix_norm(matrix, 2)) ** 2
    assert 0.0 < error / square < rounding(1000, 800, float(matrix.square().sum()) / square)


def test_a_start_that_tells_nothing_is_not_believed() -> None:
    """A second eigenvalue too close to the first for a space this small: no bound, not a wrong one."""
    values = torch.cat([torch.linspace(1.0, 0.999, 300), torch.linspace(0.9, 0.1, 300)]).double()
    assert by_krylov(with_values(values, 600)) is None
    found = largest(with_values(values, 600))
    assert found.method == "full"
    assert found.value == pytest.approx(1.0, rel=1e-10)


def test_large_matrices_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = steep().float()
    kept = by_krylov(matrix)
    monkeypatch.setattr(module, "KEPT", 0)
    monkeypatch.setattr(module, "BLOCK", 100 * SIDE)
    apart = by_krylov(matrix)
    assert kept is not None
    assert apart is not None
    assert apart.value == pytest.approx(kept.value, rel=1e-13)


def weight(slices: Tensor) -> Weight:
    return Weight(WeightInfo("w", "w", slices.shape[1], slices.shape[2], len(slices), "up", 0), slices)


def test_small_weights_share_their_spectrum() -> None:
    one = weight(randn(1, 40, 30))
    assert top_value(one) == TopValue(one.spectrum.largest, 0.0, one.spectrum.squared_norm, "full")


def test_whole_takes_all_of_a_large_one() -> None:
    one = weight(steep()[None])
    assert top_value(one, whole=True).method == "full"
    assert top_value(one, whole=True).value == pytest.approx(top_value(one).value, rel=2.0 * GOAL)


def test_a_convolution_is_one_matrix() -> None:
    one = weight(randn(9, 20, 30))
    assert top_value(one).value == pytest.approx(float(torch.linalg.matrix_norm(one.matrix, 2)), rel=1e-5)


def test_zero_is_zero() -> None:
    assert largest(torch.zeros(SIDE, SIDE)) == TopValue(0.0, 0.0, 0.0, "krylov")


def test_what_is_not_finite_is_refused_by_name() -> None:
    for side in (10, SIDE):
        with pytest.raises(NotFinite, match=r"^w: 1 of \d+ values are NaN or infinite"):
            top_value(
                weight(
                    torch.eye(side)
                    .index_fill(0, torch.tensor([0]), 0.0)
                    .fill_diagonal_(1.0)[None]
                    .index_put((torch.tensor(0), torch.tensor(0), torch.tensor(1)), torch.tensor(math.nan))
                )
            )
