from pathlib import Path

from matplotlib.axes import Axes

from examples import figures
from examples.recipes import grid
from tests.examples.runs import whole_grid


def points(axis: Axes) -> int:
    """How many single markers it shows."""
    return sum(len(line.get_xdata()) == 1 for line in axis.get_lines())  # type: ignore[arg-type]


def test_every_run_is_a_point() -> None:
    for figure in (figures.by_rank(whole_grid()), figures.against(whole_grid())):
        assert [points(axis) for axis in figure.axes] == [len(grid())] * 3


def test_the_sweep_has_a_line_for_each_method() -> None:
    methods = {(recipe.rank, recipe.alpha) for recipe in grid()}
    for axis in figures.sweeps(whole_grid()).axes:
        assert sum(len(line.get_xdata()) == 19 for line in axis.get_lines()) == len(methods)  # type: ignore[arg-type]


def test_files_are_small_and_the_same_each_time(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in figures.draw(whole_grid(), tmp_path)]
    assert sum(map(len, first)) < 200_000
    assert [path.read_bytes() for path in figures.draw(whole_grid(), tmp_path)] == first
    assert all(content.startswith(b"\x89PNG") for content in first)
