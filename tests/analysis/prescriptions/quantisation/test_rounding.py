"""Round to nearest: torch's own fake quantisation, the levels of NF4, and rows of zeros."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.prescriptions.quantisation.rounding import NF4, fp8, int4, int8, nf4, relative_error
from tests.analysis.prescriptions.golden import told


@example(873_425, 7, 57)  # one value lies halfway between two levels: torch takes the one, a division the other
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 70))
def test_int8_is_that_of_torch(seed: int, rows: int, columns: int) -> None:
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    scale = matrix.abs().amax(dim=1) / 127.0
    wanted = torch.fake_quantize_per_channel_affine(matrix, scale, torch.zeros(rows, dtype=torch.int32), 0, -128, 127)
    halves = matrix.double() / scale.double()[:, None] * 2
    halfway = ((halves - halves.round()).abs() < 1e-4) & (halves.round() % 2 == 1)
    found = int8(matrix)
    torch.testing.assert_close(found[~halfway], wanted[~halfway], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close((found - matrix).abs(), (wanted - matrix).abs(), atol=1e-5, rtol=1e-5)


def test_a_gaussian_has_the_errors_of_a_gaussian() -> None:
    matrix = torch.randn(512, 4096, generator=torch.Generator().manual_seed(3))
    wanted = told()["quantisation"]["gaussian_512x4096_seed3"]
    assert relative_error(matrix, int4(matrix, 128)) == pytest.approx(wanted["int4_group128"], rel=1e-2)
    assert relative_error(matrix, int8(matrix)) == pytest.approx(wanted["int8_channel"], rel=1e-2)
    assert relative_error(matrix, fp8(matrix)) == pytest.approx(wanted["fp8_e4m3_tensor"], rel=1e-2)


def test_int4_has_sixteen_levels_in_each_group_and_a_short_last_one() -> None:
    matrix = torch.randn(3, 70, generator=torch.Generator().manual_seed(1))
    found = int4(matrix, 32)
    assert found.shape == matrix.shape
    torch.testing.assert_close(found[:, 64:], int4(matrix[:, 64:].contiguous(), 32))
    assert all(len(row.unique()) <= 16 for row in found[:, :32])


def test_nf4_keeps_its_own_levels() -> None:
    levels = torch.tensor(NF4).repeat(8).reshape(2, 64) * 3.0
    torch.testing.assert_close(nf4(levels), levels)


def test_zeros_stay_zeros() -> None:
    matrix = torch.zeros(4, 40)
    matrix[1] = 1.0
    for rounded in (int8(matrix), int4(matrix, 16), nf4(matrix), fp8(matrix)):
        torch.testing.assert_close(rounded, matrix)
    assert relative_error(torch.zeros(2, 2), torch.zeros(2, 2)) == 0.0
