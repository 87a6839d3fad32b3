"""The outermost eigenvalues against full decompositions."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.linalg.lanczos import basis, leading, ritz_values


def gram(rows: int, columns: int, seed: int, spikes: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((rows, columns))
    matrix[:spikes] *= np.arange(spikes + 3, 3, -1)[:, None]
    return torch.from_numpy(matrix.T @ matrix)


def exact(matrix: Tensor) -> Tensor:
    """Descending."""
    values: Tensor = torch.linalg.eigvalsh(matrix)
    return values.flip(0)


def test_the_basis_is_orthonormal() -> None:
    rows = basis(gram(90, 80, 0), 50)
    assert rows.shape == (50, 80)
    assert (rows @ rows.T).numpy() == pytest.approx(torch.eye(50, dtype=torch.float64).numpy(), abs=1e-13)


def test_an_invariant_subspace_ends_it() -> None:
    assert len(basis(torch.eye(30, dtype=torch.float64), 20)) == 1
    assert len(basis(torch.diag(torch.tensor([1.0, 2.0, 3.0] + [0.0] * 27, dtype=torch.float64)), 20)) == 4


@pytest.mark.parametrize("size", [300, 600])
def test_the_edge_of_noise_is_the_hardest_case_and_comes_out(size: int) -> None:
    matrix = gram(size, size, 1)
    assert ritz_values(matrix, 64)[-2:].tolist() == pytest.approx(exact(matrix)[:2].flip(0).tolist(), rel=1e-6)


def test_spikes_are_all_found() -> None:
    matrix = gram(400, 300, 2, spikes=6)
    assert ritz_values(matrix, 64)[-6:].tolist() == pytest.approx(exact(matrix)[:6].flip(0).tolist(), rel=1e-12)


@pytest.mark.parametrize("steps", [60, 1000])
def test_leading_vectors_have_no_residual(steps: int) -> None:
    matrix = gram(400, 300, 3, spikes=6)
    values, vectors = leading(matrix, 5, steps, 1e-8)
    assert values.tolist() == pytest.approx(exact(matrix)[:5].tolist(), rel=1e-12)
    assert float((matrix @ vectors - vectors * values).norm(dim=0).max()) < 1e-8 * float(values[0])
    assert (vectors.T @ vectors).numpy() == pytest.approx(np.eye(5), abs=1e-10)


def test_where_lanczos_falls_short_the_whole_is_decomposed() -> None:
    """Twenty steps cannot find ten eigenvalues at the edge of noise, nor repeated ones ever."""
    matrix = gram(200, 200, 4)
    assert leading(matrix, 10, 20, 1e-8)[0].tolist() == pytest.approx(exact(matrix)[:10].tolist(), rel=1e-12)
    twice = torch.diag(torch.tensor([2.0, 2.0, *np.linspace(0.0, 1.0, 98)], dtype=torch.float64))
    assert leading(twice, 3, 3, 1e-8)[0][:2].tolist() == pytest.approx([2.0, 2.0])
