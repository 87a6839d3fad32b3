"""Equal and nearly equal singular values are told from those of noise of any shape."""

import math

import pytest
import torch
from torch import Tensor

from analysis.diagnostics.entries.evenness import evenness, off_identity
from analysis.linalg.spectrum import decompose
from tests.analysis.diagnostics.battery import randn

SQUARE = torch.linalg.qr(randn(40, 40)).Q
KERNEL = torch.linalg.qr(randn(90, 20)).Q.T.reshape(20, 10, 9).permute(2, 0, 1)
CENTRE = torch.stack([torch.zeros(20, 30), 0.3 * torch.eye(20, 30), torch.zeros(20, 30)])


def spread(low: float, high: float, rows: int = 64, columns: int = 64) -> Tensor:
    """Singular values evenly between the two."""
    u, _, v = torch.linalg.svd(randn(rows, columns), full_matrices=False)
    found: Tensor = (u * torch.linspace(low, high, min(rows, columns))) @ v
    return found


def state(slices: Tensor) -> str:
    stacked = slices if slices.ndim == 3 else slices[None]
    return evenness(stacked, decompose(stacked))


@pytest.mark.parametrize("scale", [1.0, -3.0, 1e-20])
def test_multiples_of_the_identity(scale: float) -> None:
    for given in (torch.eye(32), torch.eye(32, 50), torch.eye(32) + 0.005 * randn(32, 32), CENTRE):
        assert state(scale * given) == "identity"
    assert state(scale * (torch.eye(32) + 0.1 * randn(32, 32))) != "identity"


def test_how_far_from_the_identity() -> None:
    noise = 0.01 * randn(32, 32).fill_diagonal_(0.0)
    expected = float(torch.linalg.norm(noise)) / math.sqrt(32)
    near = (2.0 * (torch.eye(32) + noise))[None]
    assert off_identity(near, float(near.double().square().sum())) == pytest.approx(expected, rel=1e-5)
    assert off_identity(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), 2.0) == math.inf


def test_orthogonal_ones() -> None:
    assert state(SQUARE) == state(KERNEL) == "orthogonal"


def test_flat_ones_and_those_of_noise() -> None:
    assert state(spread(0.7, 1.2)) == state(spread(0.9, 1.2, 64, 200)) == "flat"
    assert state(spread(0.5, 1.2)) == ""
    for rows, columns in ((40, 40), (64, 256), (32, 900), (16, 4000)):
        assert state(randn(rows, columns)) == state(torch.rand(rows, columns) - 0.5) == ""
    assert state(randn(9, 20, 20)) == state(torch.eye(4)) == ""
