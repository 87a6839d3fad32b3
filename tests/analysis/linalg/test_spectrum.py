"""Singular values against closed forms, the SVD, and matrices whose small singular values a Gram matrix loses."""

import math
import resource

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from analysis.errors import NotFinite, TensorError
from analysis.linalg import blas as unlocked
from analysis.linalg import spectrum
from analysis.linalg.spectrum import BLOCK, EPS, decompose, decompose_each, gram_error


def orthogonal(size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    rotation: Tensor = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=generator)).Q
    return rotation


def with_values(rows: int, columns: int, values: Tensor) -> Tensor:
    k = len(values)
    return orthogonal(rows, 1)[:, :k] @ torch.diag(values) @ orthogonal(columns, 2)[:, :k].T


def test_a_diagonal_matrix_has_its_diagonal() -> None:
    found = decompose(torch.diag(torch.tensor([3.0, -1.0, 2.0]))[None])
    assert found.values == pytest.approx([1.0, 2.0, 3.0], rel=1e-14)
    assert found.eigenvalues == pytest.approx([1.0, 4.0, 9.0], rel=1e-14)
    assert found.largest == pytest.approx(3.0, rel=1e-14)
    assert (found.squared_norm, found.kernel) == (14.0, "gram")


def test_rotated_values_come_back_from_either_side() -> None:
    values = torch.tensor([5.0, 3.0, 1.0, 0.5], dtype=torch.float64)
    tall = with_values(9, 4, values)
    assert decompose(tall[None]).values == pytest.approx(values.flip(0).numpy(), rel=1e-13)
    assert decompose(tall.T[None]).values == pytest.approx(values.flip(0).numpy(), rel=1e-13)
    assert (decompose(tall[None]).rows, decompose(tall.T[None]).rows) == (9, 4)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), scale=st.integers(-120, 120), seed=st.integers(0, 10**6))
def test_equal_to_the_svd_at_any_shape_and_scale(rows: int, columns: int, scale: int, seed: int) -> None:
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    matrix *= 2.0**scale
    found = decompose(matrix[None])
    expected = np.sort(np.linalg.svd(matrix.numpy(), compute_uv=False))
    assert found.values == pytest.approx(expected, rel=1e-7, abs=found.floor * expected[-1])
    assert found.squared_norm == pytest.approx(float(np.sum(expected**2)), rel=1e-12)


@pytest.mark.parametrize("last", [1e-7, 1e-9, 1e-12])
def test_near_rank_deficiency_goes_the_svd_way(last: float) -> None:
    """Singular values from 1 down to `last`: the Gram matrix alone loses those below 1e-8, half the matrix at worst."""
    values = torch.logspace(0, math.log10(last), 768, dtype=torch.float64)
    matrix = with_values(768, 768, values)
    found = decompose(matrix[None])
    assert found.kernel == "svd"
    assert np.count_nonzero(found.values > found.values[-1] * 768 * EPS) == 768
    assert found.values == pytest.approx(values.flip(0).numpy(), rel=1e-3)  # 1e-16 of σ₁, beside 1e-12 of it
    bare = np.linalg.eigvalsh((matrix.T @ matrix).numpy())
    assert last == 1e-7 or np.count_nonzero(bare > 768 * EPS) < 768


def test_exact_rank_deficiency_is_seen() -> None:
    generator = torch.Generator().manual_seed(0)
    low = torch.randn(60, 7, generator=generator, dtype=torch.float64) @ torch.randn(
        7, 50, generator=generator, dtype=torch.float64
    )
    found = decompose(low[None])
    assert found.kernel == "svd"
    assert np.count_nonzero(found.values > found.values[-1] * 60 * EPS) == 7


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(768, 768), (1536, 768), (768, 1024)])
@pytest.mark.parametrize("rank", [1, 5, 767, 768])
def test_planted_ranks_are_counted(rank: int, shape: tuple[int, int], dtype: torch.dtype) -> None:
    """Small whole numbers and repeated rows are exact in every dtype, and so is their rank."""
    generator = torch.Generator().manual_seed(rank)
    if rank <= 5:
        factors = [torch.randint(-2, 3, size, generator=generator) for size in ((shape[0], rank), (rank, shape[1]))]
        matrix = (factors[0] @ factors[1]).to(dtype)
    else:
        some = torch.randn(min(shape), max(shape), generator=generator).to(dtype)
        some[rank:] = some[0]
        matrix = some if shape[0] <= shape[1] else some.T
    found = decompose(matrix[None])
    assert found.kernel == ("gram" if rank == 768 else "svd")
    assert np.count_nonzero(found.values > found.values[-1] * max(shape) * EPS) == rank
    assert found.values[:-rank] == pytest.approx(np.zeros(768 - rank), abs=found.floor * found.values[-1])


def test_the_gram_route_keeps_its_error_bound() -> None:
    """Measured against known values; the bound is one of probability, and is kept here with room to spare."""
    values = torch.logspace(0, -5, 200, dtype=torch.float64)
    matrix = with_values(300, 200, values)
    found = decompose(matrix[None])
    assert found.kernel == "gram"
    stable_rank = float((values**2).sum())
    error = np.abs(found.eigenvalues - (values.flip(0) ** 2).numpy()).max()
    assert error < gram_error(300, 200, stable_rank)
    assert found.floor == pytest.approx(math.sqrt(gram_error(300, 200, stable_rank)), rel=1e-6)


def test_a_convolution_pools_its_slices() -> None:
    slices = torch.randn(9, 4, 6, dtype=torch.float64)
    found = decompose(slices)
    each = [np.linalg.svd(matrix.numpy(), compute_uv=False) for matrix in slices]
    assert found.slices == pytest.approx(np.sort(np.stack(each), axis=1), rel=1e-10)
    assert found.values == pytest.approx(np.sort(np.concatenate(each)), rel=1e-10)


@pytest.mark.parametrize("together", [1, 2, 4, 9])
def test_slices_solved_together_are_each_as_alone(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = torch.randn(30, 20, 3, 3, generator=torch.Generator().manual_seed(8))  # (out, in, *positions)
    slices = kernel.flatten(2).permute(2, 0, 1)
    slices[4, :, 1] = slices[4, :, 0]  # this one needs an SVD
    expected = np.stack([np.sort(np.linalg.svd(one.double().numpy(), compute_uv=False)) for one in slices])
    monkeypatch.setattr(spectrum, "BLOCK", together * 400)
    found = decompose(slices)
    assert found.slices == pytest.approx(expected, rel=1e-10, abs=1e-14)
    assert found.kernel == "svd"
    assert decompose(slices.mT).slices == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_one_dead_slice_leaves_the_others_their_kernel() -> None:
    slices = torch.randn(3, 8, 5, dtype=torch.float64)
    slices[1] = 0.0
    found = decompose(slices)
    assert found.kernel == "gram"
    assert list(found.slices[1]) == [0.0] * 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (4, 6)])
def test_zero_and_constant_matrices(shape: tuple[int, int]) -> None:
    zero = decompose(torch.zeros(1, *shape))
    assert (zero.largest, zero.squared_norm) == (0.0, 0.0)
    assert zero.values.size == min(shape)
    ones = decompose(torch.ones(1, *shape))
    assert ones.largest == pytest.approx(math.sqrt(math.prod(shape)), rel=1e-14)
    assert ones.values[:-1] == pytest.approx(np.zeros(min(shape) - 1), abs=1e-14)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_dtype_is_brought_to_float64(dtype: torch.dtype) -> None:
    matrix = torch.randn(20, 12, generator=torch.Generator().manual_seed(3)).to(dtype)
    expected = np.sort(np.linalg.svd(matrix.double().numpy(), compute_uv=False))
    assert decompose(matrix[None]).values == pytest.approx(expected, rel=1e-12)


def test_subnormal_float32_neither_underflows_nor_loses_digits() -> None:
    matrix = torch.randn(20, 12, generator=torch.Generator().manual_seed(3)) * 1e-42
    expected = np.sort(np.linalg.svd(matrix.double().numpy(), compute_uv=False))
    found = decompose(matrix[None])
    assert found.values == pytest.approx(expected, rel=1e-12)
    assert found.squared_norm == pytest.approx(float(np.sum(expected**2)), rel=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_squares_that_leave_float64_are_refused(size: float) -> None:
    with pytest.raises(TensorError, match="would leave float64"):
        decompose(torch.full((1, 3, 3), size, dtype=torch.float64))


def test_nan_and_infinity_are_counted() -> None:
    slices = torch.zeros(2, 3, 4)
    slices[0, 0, 0], slices[1, 2, 3], slices[1, 0, 0] = math.nan, math.inf, -math.inf
    with pytest.raises(NotFinite, match="3 of 24 values"):
        decompose(slices)


def test_blocks_of_rows_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = torch.randn(1000, 7, generator=torch.Generator().manual_seed(5))
    whole = decompose(matrix[None])
    deficient = torch.cat([matrix, matrix], dim=1)
    expected = decompose(deficient[None])
    monkeypatch.setattr(spectrum, "BLOCK", 64)
    assert decompose(matrix[None]).values == pytest.approx(whole.values, rel=1e-13)
    assert decompose(matrix.T[None]).values == pytest.approx(whole.values, rel=1e-13)
    found = decompose(deficient[None])
    assert (found.kernel, expected.kernel) == ("svd", "svd")
    assert found.values == pytest.approx(expected.values, rel=1e-12, abs=1e-13)


def test_the_matrix_given_is_not_changed() -> None:
    matrix = torch.randn(1, 5, 4, dtype=torch.float64)
    before = matrix.clone()
    decompose(matrix)
    assert torch.equal(matrix, before)


def test_threads_are_as_they_were() -> None:
    before = torch.get_num_threads()
    decompose(torch.randn(1, 30, 20))
    assert torch.get_num_threads() == before


def test_a_solver_that_does_not_converge_is_a_tensor_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(_: object) -> None:
        raise np.linalg.LinAlgError("the algorithm failed to converge")

    monkeypatch.setattr(unlocked, "eigenvalues", stuck)
    with pytest.raises(TensorError, match="did not converge"):
        decompose(torch.eye(4)[None])


def test_a_tall_embedding_costs_one_block_of_memory() -> None:
    """120,000 × 256 in float16 is 59 MiB; in float64 it would be 234 MiB more."""
    matrix = torch.zeros(120_000, 256, dtype=torch.float16)
    matrix[::7] = 1.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = decompose(matrix[None])
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 6 * BLOCK * 8
    assert found.largest == pytest.approx(math.sqrt(256 * math.ceil(120_000 / 7)), rel=1e-12)


@pytest.mark.parametrize("shape", [(5, 1, 60, 40), (5, 1, 40, 60), (4, 9, 12, 30), (3, 1, 700, 600)])
def test_several_weights_together_are_each_by_itself(shape: tuple[int, ...]) -> None:
    """Of scales far apart, one without full rank and one of zeros: every one by its own kernel, with its own floor."""
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weights[1] *= 1e-30
    weights[-2][..., 0, :] = weights[-2][..., 1, :]
    weights[-1] = 0.0
    for together, slices in zip(decompose_each(weights), weights, strict=True):
        alone = decompose(slices)
        assert together.kernel == alone.kernel
        assert (together.rows, together.columns) == (alone.rows, alone.columns)
        assert together.slices == pytest.approx(alone.slices, rel=1e-9, abs=2.0 * alone.floor * alone.largest)
        assert together.squared_norm == pytest.approx(alone.squared_norm, rel=1e-13)
        assert together.floor == pytest.approx(alone.floor, rel=1e-9)
