"""The rank at the stored precision: thin products have theirs, whatever they are stored in."""

import pytest
import torch

from analysis.diagnostics.entries.precision import ROUNDOFF
from analysis.diagnostics.entries.rank import stored_rank
from analysis.linalg.spectrum import decompose
from tests.analysis.diagnostics.battery import randn


def rank(matrix: torch.Tensor, kind: str) -> int:
    slices = matrix if matrix.ndim == 3 else matrix[None]
    return stored_rank(decompose(slices), float(matrix.double().square().mean().sqrt()), ROUNDOFF[kind])


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("shape", [(128, 128), (300, 64), (64, 500)])
def test_thin_products(shape: tuple[int, int], kind: str) -> None:
    thin = randn(shape[0], 16) @ randn(16, shape[1], seed=1)
    assert rank(thin.to(getattr(torch, kind)), kind) == 16


@pytest.mark.parametrize("size", [64, 256])
def test_full_matrices(size: int) -> None:
    assert rank(randn(size, size), "float32") == size
    assert rank(randn(size, size).bfloat16(), "bfloat16") >= 0.98 * size
    assert rank(randn(9, 24, 24), "float32") == 9 * 24


def test_zero_slices_have_none() -> None:
    assert rank(torch.cat([randn(1, 20, 20), torch.zeros(1, 20, 20)]), "float32") == 20
