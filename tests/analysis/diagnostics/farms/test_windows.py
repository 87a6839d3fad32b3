"""Windows against the authors' arithmetic, and their spectra against plain SVDs."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analysis.diagnostics.farms.windows import Windows, blocks, covering, sample_windows, size, spectra, starts
from analysis.weight import Weight, WeightInfo


def weight(slices: Tensor) -> Weight:
    count, rows, columns = slices.shape
    return Weight(WeightInfo("w", "w", rows, columns, count, "up", 0), slices)


def authors(rows: int, columns: int, side: int, per_side: int) -> list[tuple[int, int]]:
    """First corners of fixed_sampling with aspect 1, as its source has it."""
    r = min(side, rows, columns)
    row_step, column_step = max(1, (rows - r) // (per_side - 1)), max(1, (columns - r) // (per_side - 1))
    down = min(per_side, max(1, (rows - r) // row_step + 1))
    across = min(per_side, max(1, (columns - r) // column_step + 1))
    return [
        (min(i * row_step, rows - r), min(j * column_step, columns - r)) for i in range(down) for j in range(across)
    ]


@given(rows=st.integers(1, 300), columns=st.integers(1, 300), side=st.integers(1, 400), per_side=st.integers(2, 20))
def test_the_authors_windows(rows: int, columns: int, side: int, per_side: int) -> None:
    found = sample_windows(rows, columns, side, 1.0, per_side)
    long_first = rows >= columns
    corners = [(i, j) if long_first else (j, i) for i in found.along for j in found.across]
    assert sorted(corners) == sorted(authors(rows, columns, side, per_side))


@given(
    rows=st.integers(1, 3000),
    columns=st.integers(1, 3000),
    side=st.integers(1, 3000),
    aspect=st.floats(1.0, 10.0),
    per_side=st.integers(1, 16),
)
def test_windows_never_stick_out(rows: int, columns: int, side: int, aspect: float, per_side: int) -> None:
    small, large = sorted((rows, columns))
    for found in (sample_windows(rows, columns, side, aspect, per_side), covering(rows, columns, side, aspect)):
        assert 1 <= found.short <= found.long
        assert found.along[-1] + found.long <= large
        assert found.across[-1] + found.short <= small
        assert len(set(found.along)) == len(found.along)
        assert large < aspect or abs(found.long / found.short - aspect) <= 0.5 / found.short + 1e-12
    assert covering(rows, columns, side, aspect).count <= 16


def test_by_hand() -> None:
    assert size(1536, 384, 1024, 1.0) == (384, 384)
    assert size(384, 1536, 384, 2.0) == (768, 384)
    assert size(400, 300, 300, 2.0) == (400, 200)  # the long side bounds it
    assert starts(1536, 384, 7) == (0, 192, 384, 576, 768, 960, 1152)
    assert starts(100, 100, 5) == (0,)
    assert starts(102, 100, 5) == (0, 1, 2)
    assert covering(384, 384, 1024, 1.0) == Windows(384, 384, (0,), (0,))
    assert covering(384, 1536, 1024, 1.0).along == (0, 192, 384, 576, 768, 960, 1152)
    assert covering(4096, 4096, 1024, 1.0).count == 16
    assert blocks(130, 60) == Windows(60, 60, (0, 60), (0,))


@pytest.mark.parametrize("shape", [(1, 50, 20), (1, 20, 50), (4, 30, 12)])
def test_spectra_of_windows(shape: tuple[int, int, int]) -> None:
    slices = torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    cut = sample_windows(shape[1], shape[2], 8, 1.5, 3)
    found = spectra(weight(slices), cut)
    assert found.shape == (shape[0], cut.count, 8)
    tall = slices if shape[1] >= shape[2] else slices.mT
    i, j = cut.along[1], cut.across[2]
    window = tall[0, i : i + 12, j : j + 8].numpy()
    assert found[0, 1 * len(cut.across) + 2] == pytest.approx(
        np.linalg.svd(window, compute_uv=False)[::-1] ** 2, rel=1e-9
    )


def test_a_window_as_large_as_the_matrix_is_its_spectrum() -> None:
    given_ = weight(torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(1)))
    assert np.array_equal(spectra(given_, covering(16, 16, 99, 1.0))[0, 0], given_.spectrum.eigenvalues)
