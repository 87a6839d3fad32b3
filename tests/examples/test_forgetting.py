import pytest
import torch
from scipy.spatial.distance import pdist

from examples.forgetting import forgetting, pairwise


def points(seed: int = 0) -> torch.Tensor:
    return torch.randn(30, 8, generator=torch.Generator().manual_seed(seed))


def test_pairs_are_as_scipy_has_them() -> None:
    torch.testing.assert_close(pairwise(points()), torch.from_numpy(1 - pdist(points().double().numpy(), "cosine")))


def test_nothing_changed_is_zero() -> None:
    assert forgetting(points(), 3 * points()) == pytest.approx(
        {"forgetting": 0.0, "similarity_loss": 0.0, "drift": 0.0}, abs=1e-12
    )


def test_a_rotation_is_drift_only() -> None:
    turn = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1))).Q
    found = forgetting(points(), points() @ turn)
    assert found["forgetting"] == pytest.approx(0.0, abs=1e-4)
    assert found["drift"] > 0.5


def test_what_has_no_relation_is_one() -> None:
    found = forgetting(points(), points(2))
    assert found["forgetting"] == pytest.approx(1.0, abs=0.2)
    assert found["similarity_loss"] == pytest.approx(1.0, abs=0.2)
