"""Names and grids that fit the terminal."""

import pytest

from analysis.diagnostic import Column
from app.cli.listing.terminal import UNBOUNDED, console, layer_grid


@pytest.mark.parametrize(("columns", "width"), [("91", 91), (None, UNBOUNDED)])
def test_a_pipe_is_as_wide_as_it_is_told(columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert console().width == width


def test_names_are_never_wrapped() -> None:
    grid = layer_grid(["Layer", "Shape"], [Column("alpha", "α", "")], ["a" * 12])
    assert [column.no_wrap for column in grid.columns] == [True, True, False]
    assert grid.columns[0].min_width == 12
