"""AlphaQ's exponent: the authors' numbers, and windows that are pooled, left out or drawn."""

import numpy as np
import pytest
import torch

from analysis.prescriptions.quantisation.windows import windowed_exponent
from tests.analysis.prescriptions.golden import model, told

GOLDEN = told()["alphaq"]


@pytest.mark.parametrize(("side", "column"), [(64, "farms_64x64_top10"), (10_000, "baseline_top10")])
def test_the_authors_numbers(side: int, column: str) -> None:
    checkpoint = model().checkpoints[0]
    for name, alpha in GOLDEN[column].items():
        assert windowed_exponent(checkpoint.read(f"{name}.weight"), side) == pytest.approx(alpha, abs=2e-3), name


def test_rows_that_fill_no_window_are_left_out() -> None:
    matrix = torch.randn(70, 65, generator=torch.Generator().manual_seed(0))
    found = windowed_exponent(matrix, 32)
    matrix[64:], matrix[:, 64:] = 100.0, 100.0
    assert windowed_exponent(matrix, 32) == found
    parts = [matrix[i : i + 32, j : j + 32] for i in (0, 32) for j in (0, 32)]
    values = np.sort(np.concatenate([torch.linalg.svdvals(part.double()).square().numpy() for part in parts]))[::-1]
    assert found == pytest.approx(1 + 12 / np.log(values[:12] / values[12]).sum(), rel=1e-4)


def test_more_windows_than_are_looked_at_are_drawn_alike_each_time() -> None:
    matrix = torch.randn(68, 64, generator=torch.Generator().manual_seed(0))
    assert windowed_exponent(matrix, 4) == windowed_exponent(matrix.clone(), 4)
    assert windowed_exponent(torch.eye(6), 4) is None
    assert windowed_exponent(torch.zeros(6, 6)) is None
