"""The rounding of stored numbers, measured by rounding some."""

from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from analysis.linalg import rounding
from analysis.runtime.arrays import dtype_name

HALVES = (torch.bfloat16, torch.float16)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_units() -> None:
    units = {torch.bfloat16: 2**-9, torch.float16: 2**-12, torch.float32: 2**-25, torch.float64: 2**-54}
    assert {dtype: rounding.unit(dtype_name(torch.empty(0, dtype=dtype))) for dtype in units} == units


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_the_unit_is_about_the_norm_of_the_errors(dtype: torch.dtype) -> None:
    matrix = randn(300, 200)
    error = matrix - matrix.to(dtype).double()
    assert float(error.norm() / matrix.norm()) == pytest.approx(
        0.85 * rounding.unit(dtype_name(torch.empty(0, dtype=dtype))), rel=0.02
    )


@pytest.mark.parametrize("dtype", HALVES)
def test_so_it_is_in_half_of_the_matrices_of_a_trained_model(minilm: Path, dtype: torch.dtype) -> None:
    matrices = [
        matrix.double() for matrix in load_file(minilm).values() if matrix.is_floating_point() and matrix.ndim == 2
    ]
    shares = [float((matrix - matrix.to(dtype).double()).norm() / matrix.norm()) for matrix in matrices]
    assert median(shares) == pytest.approx(0.85 * rounding.unit(dtype_name(torch.empty(0, dtype=dtype))), rel=0.02)


def test_even_entries_have_twice_the_edge_of_marchenko_and_pastur() -> None:
    matrix = torch.ones(90, 40, dtype=torch.bfloat16)
    assert rounding.floor(matrix) == pytest.approx(2**-8 * (90**0.5 + 40**0.5), rel=1e-12)


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
@pytest.mark.parametrize("spread", [0.0, 1.5])
def test_errors_stay_below_the_floor_and_come_near(dtype: torch.dtype, spread: float) -> None:
    """Also where some rows, and some entries, are far larger than the others."""
    matrix = randn(300, 200) * torch.exp(spread * randn(300, 1, seed=1) + spread * randn(300, 200, seed=2))
    error = matrix - matrix.to(dtype).double()
    reached = float(torch.linalg.matrix_norm(error, 2)) / rounding.floor(matrix.to(dtype))
    assert 0.15 < reached < 0.5


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
@pytest.mark.parametrize("shape", [(16, 16), (64, 64), (256, 256), (256, 700)])
def test_equal_values_stay_within_the_bound(dtype: torch.dtype, shape: tuple[int, int]) -> None:
    """Orthogonal matrices found in float32, and cosines, whose entries repeat and are rounded alike."""
    small = shape[0]
    found = torch.linalg.qr(randn(*shape[::-1]).float()).Q.T
    k = torch.arange(small, dtype=torch.float64)
    cosines = torch.cos(np.pi / small * (k[None] + 0.5) * k[:, None]) * (2.0 / small) ** 0.5
    cosines[0] *= 0.5**0.5
    for matrix in (found, cosines):
        stored = matrix.to(dtype)
        values = torch.linalg.svdvals(stored.double())
        assert 2.0 * float(torch.log(values[0] / values[-1])) < 0.8 * rounding.flat(stored[None])


def test_float64_may_hold_what_was_found_in_float32() -> None:
    zeros = torch.zeros(1, 30, 20)
    assert rounding.flat(zeros.double()) == rounding.flat(zeros) == pytest.approx(4.0 * (1.0 + 20**0.5) * 2**-23)


def test_ratio() -> None:
    assert rounding.ratio("bfloat16", 0.01, 2.0) == pytest.approx(0.01 / (2**-9 * 2.0))
    assert rounding.ratio("float32", 0.01, 0.0) is None
