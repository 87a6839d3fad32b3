"""The experiment's figures, by what is drawn in them."""

from pathlib import Path

import numpy as np
import pytest

from examples.widths import figures
from examples.widths.measure import by_rule
from tests.examples.widths.made import write


def test_points_lie_on_the_law_where_the_models_keep_it(tmp_path: Path) -> None:
    found = by_rule(list(write(tmp_path)), tmp_path)
    left, right = figures.against_width(found).axes
    for axis in (left, right):
        marks, laws = axis.get_lines()[::2], axis.get_lines()[1::2]
        assert len(marks) == len(laws) == 3
        for mark, law in zip(marks, laws, strict=True):
            ends = [np.asarray(line.get_ydata())[[0, -1]].tolist() for line in (mark, law)]
            assert ends[0] == pytest.approx(ends[1], rel=1e-3)


def test_every_kind_has_an_interval_for_each_rule(tmp_path: Path) -> None:
    found = by_rule(list(write(tmp_path)), tmp_path)
    (axis,) = figures.intervals(found).axes
    assert sum(len(np.asarray(line.get_xdata())) == 1 for line in axis.get_lines()) == 3 * 8
    assert {path.name for path in figures.draw(found, tmp_path)} == {"widths.png", "exponents.png"}
