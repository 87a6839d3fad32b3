"""How much lines resemble each other: the laws of chance, and the same by whichever product."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.entries.cosines import Resemblance
from analysis.linalg.spectrum import decompose
from tests.analysis.diagnostics.battery import randn


def cosine(lines: Tensor) -> float | None:
    return Resemblance(lines).cosine()


def likeness(lines: Tensor) -> float:
    return Resemblance(lines).likeness()


def slowly(lines: Tensor, centred: bool) -> float:
    """The mean of n cos² of each two lines."""
    values = lines.double() - (lines.double().mean() if centred else 0.0)
    values = values[values.any(dim=1)]
    unit = values / values.norm(dim=1, keepdim=True)
    cosines = unit @ unit.T
    return float(cosines.fill_diagonal_(0.0).square().sum()) / (len(values) * (len(values) - 1)) * lines.shape[1]


def test_rows_of_noise_have_a_likeness_of_one_and_equal_rows_the_root_of_their_length() -> None:
    assert cosine(randn(200, 300)) == pytest.approx(1.0, abs=0.03)
    assert cosine(randn(1, 64).expand(10, 64)) == pytest.approx(8.0)
    assert cosine(torch.eye(8)) == 0.0
    assert cosine(torch.zeros(3, 4)) is None
    assert cosine(randn(1, 9)) is None


@pytest.mark.parametrize("shape", [(16, 64), (64, 64), (300, 40), (40, 300)])
def test_likeness_is_chance_in_independent_lines_of_any_law(shape: tuple[int, int]) -> None:
    """Under 4 standard errors in 60 of 60, and one of them on average."""
    generator = torch.Generator().manual_seed(3)
    drawn = [torch.randn(*shape, generator=generator) for _ in range(20)]
    drawn += [torch.rand(*shape, generator=generator) for _ in range(20)]
    drawn += [-torch.rand(*shape, generator=generator).clamp(min=1e-6).log() for _ in range(20)]
    found = [likeness(one) for one in drawn]
    assert max(found) < 4.0
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(1.0, abs=0.3)


def test_likeness_sees_what_no_spectrum_of_a_slice_shows() -> None:
    """Kernel positions that resemble each other, and rows that are orthogonal."""
    kernel = randn(9, 32, 32) + 0.3 * randn(1, 32, 32, seed=1)
    assert likeness(kernel.flatten(1)) > 4.0
    assert likeness(kernel.permute(1, 0, 2).flatten(1)) < 4.0
    assert likeness(torch.linalg.qr(randn(96, 96)).Q) > 4.0
    assert likeness(randn(1, 9)) == 0.0


@pytest.mark.parametrize("mean", [0.0, 0.3, 5.0, 1e6])
@pytest.mark.parametrize("shape", [(90, 60), (60, 90), (300, 40)])
def test_the_products_of_the_spectrum_serve(shape: tuple[int, int], mean: float) -> None:
    """Also where the mean is all but the whole, and a second product is formed."""
    matrix = randn(*shape).double() + mean
    matrix[3] = 0.0
    known, sums = decompose(matrix[None]).products, matrix.sum(dim=0 if shape[0] >= shape[1] else 1).numpy()
    lines = matrix.T if shape[0] >= shape[1] else matrix
    given, alone = Resemblance(lines, sums / 4.0, 4.0, known), Resemblance(lines)
    assert given.cosine() == pytest.approx(alone.cosine(), rel=1e-9)
    assert alone.cosine() == pytest.approx(slowly(lines, centred=False) ** 0.5, rel=1e-9)
    pairs, length = len(lines) * (len(lines) - 1) / 2.0, lines.shape[1]
    expected = abs(slowly(lines, centred=True) - 1.0) / (2.0 * (length - 1) / (length + 2) / pairs) ** 0.5
    assert alone.likeness() == pytest.approx(expected, rel=1e-6)
    assert given.likeness() == pytest.approx(expected, rel=1e-6)
