import numpy as np
import pytest

from app.demo import matrices


def test_the_spectra_are_power_laws() -> None:
    random = np.random.default_rng(1)
    for alpha in (2.5, 4.0):
        values = np.linalg.svd(matrices.heavy_tailed(600, 400, alpha, random), compute_uv=False) ** 2
        tail = values[:200]
        hill = 1 + len(tail) / np.log(tail / tail.min()).sum()
        assert hill == pytest.approx(alpha, rel=0.15)


def test_a_basis_is_orthonormal() -> None:
    found = matrices.basis(40, 7, np.random.default_rng(0))
    np.testing.assert_allclose(found.T @ found, np.eye(7), atol=1e-12)


@pytest.mark.parametrize("shape", [(30, 50), (50, 30)])
def test_the_largest_is_that_of_an_svd(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(2).standard_normal(shape)
    assert matrices.largest(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-12)


def test_an_adapter_has_the_size_that_is_asked_for() -> None:
    random = np.random.default_rng(3)
    weight = matrices.round_values(matrices.heavy_tailed(60, 40, 3.0, random))
    A, B = matrices.lora(weight, 0.5, random)
    assert (A.shape, B.shape) == ((matrices.RANK, 40), (60, matrices.RANK))
    added = matrices.ALPHA / matrices.RANK * np.linalg.norm(B @ A, 2)
    assert added == pytest.approx(0.5 * np.linalg.norm(weight, 2), rel=0.01)


def test_a_dense_update_is_small_and_moves_every_direction() -> None:
    random = np.random.default_rng(4)
    weight = matrices.round_values(matrices.heavy_tailed(60, 40, 3.0, random))
    update = matrices.dense(weight, matrices.lora(weight, 0.5, random), random) - weight
    assert np.linalg.norm(update, 2) < 0.1 * np.linalg.norm(weight, 2)
    assert np.linalg.matrix_rank(update) == 40


def test_values_lie_on_the_grid() -> None:
    found = matrices.round_values(np.random.default_rng(5).standard_normal((5, 5)))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found / matrices.GRID, np.round(found / matrices.GRID))
