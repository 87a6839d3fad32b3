"""Different values, repeats and zeros of lines, against NumPy's, of every type and with ties, zeros and signs."""

import numpy as np
import pytest
import torch

from analysis.diagnostics.entries.samples import Lines, Samples, cut
from tests.analysis.diagnostics.battery import randn

LINES = np.array([[0.0, 1.0, 1.0, 2.0], [3.0, 4.0, 5.0, 6.0], [0.0, -0.0, 0.0, 0.0]])


def slowly(line: np.ndarray) -> int:
    return len(np.unique(line[line != 0.0]))


def test_levels_are_numpys_without_zero() -> None:
    lines = Lines(LINES)
    assert lines.levels.tolist() == [2.0, 4.0, 0.0]
    assert (lines.zeros.tolist(), lines.nonzeros.tolist()) == ([1, 0, 4], [3, 4, 0])
    assert lines.commonest == 5 / 12
    assert Lines(np.array([[2.0]])).commonest == 1.0
    assert cut(LINES, 2).tolist() == LINES.reshape(-1, 2).tolist()
    assert not len(cut(LINES, 8))


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("step", [None, 0.5, 0.02])
def test_any_lines(kind: str, step: float | None) -> None:
    values = randn(70, 190) if step is None else (randn(70, 190) / step).round() * step  # ties, zeros of both signs
    stored = values.to(getattr(torch, kind))
    samples, exact = Samples(stored), stored.double().numpy()
    groups = exact.reshape(-1)[: 70 * 190 // 64 * 64].reshape(-1, 64)
    rows = exact[::2][:32]
    for lines, expected in ((samples.rows, rows), (samples.blocks[64], groups), (samples.columns, exact.T[::5][:32])):
        assert np.array_equal(lines.values, expected)
        assert lines.levels.tolist() == [slowly(line) for line in expected]
    assert samples.all_rows.commonest == np.unique(rows, return_counts=True)[1].max() / rows.size
    assert samples.all_rows.levels.tolist() == [slowly(rows)]
    assert [len(lines) for lines in samples.blocks_of_columns.values()] == [0, 32, 64]
