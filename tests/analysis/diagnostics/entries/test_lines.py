"""Sums, equal lines, isolation and the tests of lines, against NumPy and the laws of chance."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from analysis.diagnostics.entries import lines
from tests.analysis.diagnostics.battery import randn


@pytest.mark.parametrize("shape", [(1, 30, 20), (9, 12, 7), (1, 1, 40), (2, 40, 1)])
def test_sums_are_numpys(shape: tuple[int, int, int]) -> None:
    slices = randn(*shape)
    slices[0, 0, 0] = 0.0
    found, values = lines.sums(slices, 0.5), slices.double().numpy() / 0.5
    assert found.rows == pytest.approx(np.square(values).sum(axis=(0, 2)))
    assert found.columns == pytest.approx(np.square(values).sum(axis=(0, 1)))
    assert found.row_sums == pytest.approx(values.sum(axis=(0, 2)), abs=1e-12)
    assert found.column_sums == pytest.approx(values.sum(axis=(0, 1)), abs=1e-12)
    assert found.slices == pytest.approx(np.stack([values.sum(axis=(1, 2)), np.square(values).sum(axis=(1, 2))], 1))
    assert (found.cubes, found.fourths) == pytest.approx(((values**3).sum(), (values**4).sum()))
    assert found.zeros == 1
    assert found.squares == pytest.approx(np.square(values).sum())
    _, row, column = np.unravel_index(np.abs(values).argmax(), shape)
    assert found.largest == pytest.approx((np.abs(values).max(), row, column))


def test_sums_in_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    slices = randn(2, 50, 8)
    whole = lines.sums(slices, 1.0)
    monkeypatch.setattr(lines, "BLOCK", 24)
    parts = lines.sums(slices, 1.0)
    assert parts.rows == pytest.approx(whole.rows)
    assert parts.columns == pytest.approx(whole.columns)
    assert parts.largest == whole.largest


def test_equal_lines_are_counted_once_each() -> None:
    matrix = randn(20, 40)
    assert lines.equal(matrix) == 0
    matrix[[3, 7]] = matrix[0].clone()
    matrix[11] = matrix[12].clone()
    matrix[[15, 16]] = 0.0
    assert lines.equal(matrix) == 3
    matrix[7, 39] += 1.0  # beyond what is compared first
    assert lines.equal(matrix) == 2
    assert lines.equal(matrix[:1]) == 0


def test_isolation_is_against_the_next_of_row_and_column() -> None:
    slices = torch.ones(1, 6, 5)
    slices[0, 2, 3] = 12.0
    assert lines.isolation(slices, 2, 3) == 12.0
    slices[0, 4, 3] = -4.0
    assert lines.isolation(slices, 2, 3) == 3.0
    alone = torch.zeros(1, 4, 4)
    alone[0, 1, 1] = 2.0
    assert lines.isolation(alone, 1, 1) == math.inf


def test_rows_of_noise_have_a_likeness_of_one_and_equal_rows_the_root_of_their_length() -> None:
    assert lines.cosine(randn(200, 300)) == pytest.approx(1.0, abs=0.03)
    assert lines.cosine(randn(1, 64).expand(10, 64)) == pytest.approx(8.0)
    assert lines.cosine(torch.eye(8)) == 0.0
    assert lines.cosine(torch.zeros(3, 4)) is None
    assert lines.cosine(randn(1, 9)) is None


@pytest.mark.parametrize("law", [stats.norm(), stats.uniform(-1.0, 2.0)])
def test_lines_of_independent_entries_differ_as_chance_lets_them(law: stats.rv_continuous) -> None:
    generator = np.random.default_rng(3)
    found = []
    for _ in range(200):
        values = law.rvs((64, 96), random_state=generator)
        moments = float(np.square(values).mean()), float((values**4).mean())
        found.append((lines.spread(np.square(values).sum(1), 96, *moments), lines.drift(values.sum(1), 96, moments[0])))
    spreads, drifts = np.array(found).T
    for tests in (spreads, drifts):
        assert abs(tests.mean()) < 0.2
        assert tests.std() == pytest.approx(1.0, abs=0.2)
        assert tests.max() < 5.0


def test_lines_that_differ_are_seen() -> None:
    values = np.random.default_rng(0).normal(size=(64, 96)) * np.linspace(0.7, 1.3, 64)[:, None]
    assert lines.spread(np.square(values).sum(1), 96, 1.0, 3.0) > 10.0
    assert lines.drift((values + np.linspace(-0.3, 0.3, 64)[:, None]).sum(1), 96, 1.0) > 10.0
    assert lines.spread(np.ones(1), 4, 1.0, 3.0) == lines.drift(np.ones(1), 4, 1.0) == 0.0


@pytest.mark.parametrize("shape", [(16, 64), (64, 64), (300, 40), (40, 300)])
def test_likeness_is_chance_in_independent_lines_of_any_law(shape: tuple[int, int]) -> None:
    """Under 4 standard errors in 60 of 60, and one of them on average."""
    generator = torch.Generator().manual_seed(3)
    drawn = [torch.randn(*shape, generator=generator) for _ in range(20)]
    drawn += [torch.rand(*shape, generator=generator) for _ in range(20)]
    drawn += [-torch.rand(*shape, generator=generator).clamp(min=1e-6).log() for _ in range(20)]
    found = [lines.likeness(one) for one in drawn]
    assert max(found) < 4.0
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(1.0, abs=0.3)


def test_likeness_sees_what_no_spectrum_of_a_slice_shows() -> None:
    """Kernel positions that resemble each other, and rows that are orthogonal."""
    kernel = randn(9, 32, 32) + 0.3 * randn(1, 32, 32, seed=1)
    assert lines.likeness(kernel.flatten(1)) > 4.0
    assert lines.likeness(kernel.permute(1, 0, 2).flatten(1)) < 4.0
    assert lines.likeness(torch.linalg.qr(randn(96, 96)).Q) > 4.0
    assert lines.likeness(randn(1, 9)) == 0.0
