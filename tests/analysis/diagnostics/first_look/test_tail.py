"""Exponents of a few windows: where they lie, and what they say of planted spectra."""

import pytest
import torch

from analysis.diagnostics.first_look.tail import MOST, NARROWEST, WIDEST, estimate, window_side, windows
from tests.analysis.examples import randn


@pytest.mark.parametrize("shape", [(1024, 1024), (4096, 1024), (1024, 3000), (200, 200)])
def test_windows_lie_within_and_apart(shape: tuple[int, int]) -> None:
    marks = torch.zeros(shape)
    side = window_side(*shape)
    found = windows(marks, side)
    for window in found:
        assert window.shape == (side, side)
        window += 1.0
    assert marks.max() == 1.0, "two of them overlap"
    assert 2 <= len(found) <= MOST


def test_they_spread_over_rows_and_columns() -> None:
    marks = torch.zeros(2048, 2048)
    for window in windows(marks, window_side(2048, 2048)):
        window += 1.0
    assert (marks.amax(dim=1) > 0).all()
    assert (marks.amax(dim=0) > 0).all()


def test_their_side_goes_with_the_matrix_within_bounds() -> None:
    assert [window_side(side, 9000) for side in (100, 1600, 8192)] == [NARROWEST, 200, WIDEST]


def test_noise_has_the_exponent_of_square_noise() -> None:
    found = estimate(randn(1024, 1024))
    assert found is not None
    assert found.alpha == pytest.approx(2.1, abs=0.1)
    assert found.low < found.alpha
    assert found.high is None, "a flatter spectrum looks like noise in windows"


@pytest.mark.parametrize("matrix", [torch.ones(1024, 1024), torch.eye(1024)])
def test_where_the_windows_are_degenerate_there_is_none(matrix: torch.Tensor) -> None:
    assert estimate(matrix) is None


def test_the_interval_of_a_planted_tail_holds_the_exponent_of_its_large_windows() -> None:
    from analysis.diagnostics.farms import windows as large
    from analysis.statistics import power_law

    sizes = torch.rand(1024, generator=torch.Generator().manual_seed(3)).clamp_(min=1e-3) ** -0.5
    matrix = randn(1024, 1024, seed=4) * sizes
    found, whole = estimate(matrix), next(large.covering(1024, 1024, 1024, 1.0).cut(matrix))
    alpha = power_law.hill(torch.linalg.svdvals(whole.double()).square().flip(0).numpy())
    assert found is not None
    assert found.high is not None
    assert alpha is not None
    assert found.low <= alpha <= found.high
