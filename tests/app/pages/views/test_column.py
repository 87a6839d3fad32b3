"""One column of a report."""

import pytest

from tests.app.pages.views.made import view, view_of
from tests.frontend.examples import row, table


@pytest.mark.parametrize(
    ("asked", "key"),
    [("doubt", "doubt"), ("steepness.doubt", "doubt"), ("nonsense", "steepness"), ("word", "steepness")],
)
def test_any_number_can_colour_the_grid(asked: str, key: str) -> None:
    assert view(color=asked).column.color.key == key
    assert key in [place.key for _, group in view().column.colors for place in group]


@pytest.mark.parametrize(
    ("asked", "name", "current"),
    [("", "by-depth", "By depth"), ("flow", "flow", "In order"), ("distribution", "spread", "By role"),
     ("nonsense", "by-depth", "By depth")],
)  # fmt: skip
def test_a_column_has_three_pictures(asked: str, name: str, current: str) -> None:
    found = view(view=asked)
    assert found.column.picture is not None
    assert found.column.picture.url == f"/api/v1/runs/5/figures/steepness/{name}"
    assert [tab.title for tab in found.column.tabs if tab.current] == [current]
    assert [tab.url for tab in found.column.tabs] == ["/runs/5", "/runs/5?view=flow", "/runs/5?view=distribution"]


def test_a_model_without_blocks_is_shown_in_order() -> None:
    found = view_of([table([row("a", "conv", None, steepness=3.0)])])
    assert found.column.picture is not None
    assert found.column.picture.kind == "flow"
    assert [look.role for look in found.column.picture.roles] == ["conv"]
    assert [tab.title for tab in found.column.tabs] == ["In order", "By role"]
