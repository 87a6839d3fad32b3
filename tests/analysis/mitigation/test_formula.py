"""The formula: against closed forms, and against the dense decomposition that it avoids."""

import pytest
import torch
from torch import Tensor

from analysis.mitigation.formula import change, energy_lost, total, truncate
from analysis.weight import Factors


def orthogonal(rows: int, columns: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    found: Tensor = torch.linalg.qr(torch.randn(rows, columns, generator=random, dtype=torch.float64)).Q
    return found


def planted() -> tuple[Tensor, Tensor, Tensor]:
    """A base of 8 directions in 20 × 15, and a 9th, orthogonal to them and stronger, with its left vector."""
    left, right = orthogonal(20, 9, 1), orthogonal(15, 9, 2)
    base = left[:, :8] @ torch.diag(torch.arange(9.0, 1.0, -1.0, dtype=torch.float64)) @ right[:, :8].mT
    return base, base + 30.0 * left[:, 8:] @ right[:, 8:].mT, left[:, 8:]


def applied(tuned: Tensor, left: Tensor, factor: float) -> Tensor:
    found = change(tuned, left, factor)
    return tuned + found.left @ found.right


def test_zero_takes_a_planted_intruder_away() -> None:
    base, tuned, left = planted()
    assert torch.allclose(applied(tuned, left, 0.0), base, atol=1e-12)


@pytest.mark.parametrize("factor", [0.25, 0.75, 1.0, 2.0])
def test_its_singular_value_becomes_lambda_times_what_it_was(factor: float) -> None:
    _, tuned, left = planted()
    values = torch.linalg.svdvals(applied(tuned, left, factor))
    expected = torch.tensor([30.0 * factor, *torch.arange(9.0, 1.0, -1.0)], dtype=torch.float64).sort(descending=True)
    assert torch.allclose(values[:9], expected.values, atol=1e-12)


def test_one_changes_nothing_at_all() -> None:
    _, tuned, left = planted()
    assert torch.equal(applied(tuned, left, 1.0), tuned)


def test_the_low_rank_route_is_the_dense_one() -> None:
    random = torch.Generator().manual_seed(5)
    update = Factors(torch.randn(30, 4, generator=random), torch.randn(4, 22, generator=random))
    other = Factors(torch.randn(30, 2, generator=random), torch.randn(2, 22, generator=random))
    both = total(update, other)
    dense = update.left.double() @ update.right.double() + other.left.double() @ other.right.double()
    u, s, v = torch.linalg.svd(dense, full_matrices=False)
    for rank in (1, 4, 6):
        found = truncate(both, rank)
        assert torch.allclose(found.factors.left @ found.factors.right, u[:, :rank] * s[:rank] @ v[:rank], atol=1e-10)
        assert found.lost == pytest.approx(float(1 - s[:rank].square().sum() / s.square().sum()), abs=1e-12)
        # σ is shared equally, so that neither factor grows in the training that may follow
        assert torch.allclose(found.factors.left.norm(dim=0), found.factors.right.norm(dim=1))


def test_a_rank_above_the_sides_of_the_matrix_is_filled_with_zeros() -> None:
    found = truncate(Factors(torch.randn(3, 5), torch.randn(5, 4)), 5)
    assert found.factors.left.shape == (3, 5)
    assert found.factors.right.shape == (5, 4)
    assert found.lost == 0.0
    assert torch.count_nonzero(found.factors.left[:, 3:]) == 0


def test_an_update_of_zero_loses_nothing() -> None:
    assert truncate(Factors(torch.zeros(5, 2), torch.zeros(2, 4)), 2).lost == 0.0
    assert energy_lost(0.0, 0.0) == 0.0
    assert energy_lost(3.0, 4.0) == 0.25
