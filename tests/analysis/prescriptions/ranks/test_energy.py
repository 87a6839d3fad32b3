import numpy as np
import pytest

from analysis.prescriptions.ranks.energy import energy_rank, factored


def test_the_least_rank_that_holds_the_share() -> None:
    values = np.sqrt([5.0, 3.0, 1.0, 1.0])
    assert [energy_rank(values, share) for share in (0.0, 0.5, 0.51, 0.8, 0.9, 0.95, 1.0)] == [1, 1, 2, 2, 3, 4, 4]
    assert energy_rank(np.zeros(3), 0.9) == 0


@pytest.mark.parametrize("rank", [1, 5, 12])
def test_the_error_is_that_of_the_truncated_matrix(rank: int) -> None:
    matrix = np.random.default_rng(0).normal(size=(20, 12))
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    found = factored(s, rank, 20, 12)
    kept = u[:, :rank] * s[:rank] @ v[:rank]
    assert found.error == pytest.approx(np.linalg.norm(matrix - kept) / np.linalg.norm(matrix), abs=1e-12)
    assert found.energy == pytest.approx(1 - found.error**2)
    assert found.parameters == rank * 32
    assert found.saved == 240 - rank * 32
    assert found.pays == (rank < 240 / 32)


def test_a_zero_matrix_loses_nothing() -> None:
    assert factored(np.zeros(4), 0, 4, 6).error == 0.0
