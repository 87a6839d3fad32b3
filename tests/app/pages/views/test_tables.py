"""The long table of a report."""

import pytest

from tests.app.pages.views.made import view, view_of
from tests.frontend.examples import row, table


@pytest.mark.parametrize(
    ("sort", "name", "link"),
    [
        ("", "steepness", "/runs/5?sort=steepness"),
        ("steepness", "steepness", "/runs/5?sort=-steepness"),
        ("", "doubt", "/runs/5?sort=-doubt"),
        ("", "layer", "/runs/5?sort=layer"),
        ("layer", "layer", "/runs/5?sort=-layer"),
    ],
)
def test_a_heading_sorts_the_other_way_round_each_time(sort: str, name: str, link: str) -> None:
    assert view(sort=sort).table.heading_link(name) == link


def test_count_and_visibility() -> None:
    assert view().table.filter.count == "8 matrices"
    found = view(q="key")
    assert found.table.filter.count == "3 of 8 matrices"
    assert found.table.filter.any_visible
    assert not view(q="nothing").table.filter.any_visible


def test_only_what_the_table_shows_is_flagged() -> None:
    assert view().table.layers.flagged == 2
    assert view(columns=["count"]).table.layers.flagged == 0


def test_blocks_follow_by_number_where_the_file_is_sorted_as_text() -> None:
    names = sorted(f"layers.{block}.q" for block in range(12))
    made = table([row(name, depth=int(name.split(".")[1]), steepness=3.0) for name in names])
    in_order = [f"layers.{block}.q" for block in range(12)]
    for sort, expected in (("layer", in_order), ("-layer", in_order[::-1]), ("-steepness", in_order)):
        assert [each.name for each in view_of([made], sort=sort).table.layers.rows] == expected
