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


@pytest.mark.parametrize("kind", ["float64", "float32", "bfloat16", "float8_e4m3fn"])
def test_equal_lines_are_those_whose_bits_are(kind: str) -> None:
    """Lines that begin alike, that are 0 but at their ends, of other signs, and of two values only."""
    sparse, signs = torch.zeros(40, 60), randn(90, 12).sign()
    sparse[:, -1], sparse[7, -1] = torch.arange(40) // 2, -0.0
    alike = randn(30, 50)
    alike[:, :20] = alike[0, :20].clone()
    alike[[4, 9]], alike[5] = alike[2].clone(), -alike[2]
    for matrix in (sparse, signs, alike, alike.T.contiguous().T, signs.T):
        stored = matrix.to(getattr(torch, kind))
        rows = [row.tobytes() for row in stored.double().numpy() if row.any()]
        assert lines.equal(stored) == len(rows) - len(set(rows))


def test_isolation_is_against_the_next_of_row_and_column() -> None:
    slices = torch.ones(1, 6, 5)
    slices[0, 2, 3] = 12.0
    assert lines.isolation(slices, 2, 3) == 12.0
    slices[0, 4, 3] = -4.0
    assert lines.isolation(slices, 2, 3) == 3.0
    alone = torch.zeros(1, 4, 4)
    alone[0, 1, 1] = 2.0
    assert lines.isolation(alone, 1, 1) == math.inf


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
