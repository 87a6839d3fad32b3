"""Sums along rows and columns, beside the whole matrices in NumPy."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.update import sums
from analysis.diagnostics.update.sums import add_lines, is_everywhere
from tests.analysis.diagnostics.battery import randn

BASE, UPDATE = randn(70, 50), 0.1 * randn(70, 50, seed=1)


@pytest.fixture(params=[1 << 16, 128, 1])
def _rows_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All, two, or one at a time."""
    monkeypatch.setattr(sums, "AT_ONCE", request.param)


@pytest.mark.usefixtures("_rows_at_once")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_sums_of_rows_and_columns_are_numpys(dtype: torch.dtype) -> None:
    before, after = BASE.to(dtype), (BASE + UPDATE).to(dtype)
    base, tuned = before.double().numpy(), after.double().numpy()
    for found, axis in zip(add_lines(before, after), (1, 0), strict=True):
        expected = [np.sum(each, axis=axis) for each in (base**2, base * (tuned - base), (tuned - base) ** 2, tuned**2)]
        for values, right in zip((found.squares, found.inner, found.update, found.tuned), expected, strict=True):
            np.testing.assert_allclose(values.numpy(), right, rtol=1e-12, atol=1e-12)
        lengths = np.linalg.norm(base, axis=axis) * np.linalg.norm(tuned, axis=axis)
        np.testing.assert_allclose(found.cosines.numpy(), (base * tuned).sum(axis=axis) / lengths, rtol=1e-12)
        assert found.cosine == pytest.approx((base * tuned).sum() / np.linalg.norm(base) / np.linalg.norm(tuned))
        change = tuned - base
        right = (base * change).sum() / np.linalg.norm(base) / np.linalg.norm(change)
        assert found.update_cosine == pytest.approx(right)


def test_the_residual_is_that_of_least_squares() -> None:
    """A factor for each line, by NumPy's own least squares; and none where the factors are the whole update."""
    before, after = BASE.double().numpy(), (BASE + UPDATE).double().numpy()
    for found, one, other in zip(add_lines(BASE, BASE + UPDATE), (before, before.T), (after, after.T), strict=True):
        squares = [np.linalg.lstsq(line[:, None], to, rcond=None)[1][0] for line, to in zip(one, other, strict=True)]
        assert found.residual == pytest.approx(np.sqrt(sum(squares)) / np.linalg.norm(other - one))
    rows, columns = add_lines(BASE, randn(70, 1, seed=2).exp() * BASE)
    assert rows.residual < 1e-6 < columns.residual  # float32


def test_lines_of_zeros_have_no_cosine() -> None:
    before, after = BASE.clone(), (BASE + UPDATE).clone()
    before[3], after[5] = 0.0, 0.0
    rows, _ = add_lines(before, after)
    assert rows.cosines[[3, 5]].tolist() == [0.0, 0.0]
    nothing, _ = add_lines(torch.zeros(3, 4), torch.zeros(3, 4))
    assert nothing.cosine is nothing.update_cosine is None


def test_no_more_is_looked_at_than_up_to_the_first_rows_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sums, "AT_ONCE", 100)
    looked: list[int] = []

    def is_below(bound: float, one: Tensor, other: Tensor) -> Tensor:
        looked.append(len(one))
        return one + other < bound

    assert is_everywhere(BASE, BASE, partial(is_below, 100.0))
    assert looked == [2] * 35
    looked.clear()
    assert not is_everywhere(BASE, BASE, partial(is_below, -100.0))
    assert looked == [2]
