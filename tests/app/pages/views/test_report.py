from collections.abc import Sequence
from dataclasses import replace

import pytest

from analysis.coverage import Coverage, Skipped
from analysis.diagnostic import Table
from app.pages.views.report import ReportView
from app.pages.views.state import ShownColumns, State
from tests.frontend.examples import DIAGNOSTIC, blocks, row, table

COVERED = Coverage(3, 2, 1000, 999, (Skipped("b", (4,), "one-dimensional"),))


def all_curves(weight: str) -> frozenset[tuple[str, str]]:
    return frozenset((DIAGNOSTIC.name, column.name) for column in DIAGNOSTIC.columns if column.kind == "curve")


def view_of(tables: Sequence[Table], moving: bool = False, **shown: object) -> ReportView:
    return ReportView(tables, COVERED, State(5, ShownColumns.model_validate(shown)), moving, all_curves)


def view(moving: bool = False, **shown: object) -> ReportView:
    return view_of([blocks()], moving, **shown)


def test_coverage_in_words() -> None:
    found = view().coverage
    assert (found.analysed, found.tensors, found.width, found.share) == (2, 3, 66.7, "99.9 %")


def test_the_column_with_a_healthy_range_leads() -> None:
    found = view()
    assert found.main is not None
    assert (found.main.key, found.sort, found.color.key) == ("steepness", "-steepness", "steepness")


@pytest.mark.parametrize(
    ("asked", "key"),
    [("doubt", "doubt"), ("steepness.doubt", "doubt"), ("nonsense", "steepness"), ("word", "steepness")],
)
def test_any_number_can_colour_the_grid(asked: str, key: str) -> None:
    assert view(color=asked).color.key == key
    assert key in [place.key for _, group in view().colors for place in group]


def test_two_diagnostics_may_share_a_column_name() -> None:
    other = replace(blocks(), diagnostic=replace(DIAGNOSTIC, name="other", title="Other"))
    found = view_of([blocks(), other], color="other.doubt", columns=["doubt", "other.doubt"])
    assert [title for title, _ in found.colors] == ["Steepness", "Other"]
    assert found.picture is not None
    assert found.picture.url == "/api/v1/runs/5/figures/other/doubt.depth"
    assert [heading.name for heading in found.layers.headings][2:] == ["doubt", "other.doubt"]
    assert found.chosen
    assert found.sayings == [("Other", "Fine. All of it.")]


@pytest.mark.parametrize(
    ("asked", "name", "current"),
    [("", "by-depth", "By depth"), ("flow", "flow", "In order"), ("distribution", "spread", "By role"),
     ("nonsense", "by-depth", "By depth")],
)  # fmt: skip
def test_a_column_has_three_pictures(asked: str, name: str, current: str) -> None:
    found = view(view=asked)
    assert found.picture is not None
    assert found.picture.url == f"/api/v1/runs/5/figures/steepness/{name}"
    assert [tab.title for tab in found.tabs if tab.current] == [current]
    assert [tab.url for tab in found.tabs] == ["/runs/5", "/runs/5?view=flow", "/runs/5?view=distribution"]


def test_a_model_without_blocks_is_shown_in_order() -> None:
    found = view_of([table([row("a", "conv", None, steepness=3.0)])])
    assert found.picture is not None
    assert found.picture.kind == "flow"
    assert [look.role for look in found.picture.roles] == ["conv"]
    assert [tab.title for tab in found.tabs] == ["In order", "By role"]


def test_two_columns_against_each_other_where_both_have_values() -> None:
    (found,) = view().comparisons
    assert (found.kind, found.url) == ("scatter", "/api/v1/runs/5/figures/steepness/pair")
    assert view_of([table([row("a", steepness=3.0)])]).comparisons == []


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
    assert view(sort=sort).sorted(name) == link


def test_the_chosen_weight_or_else_the_first() -> None:
    assert view(weight="layers.2.q").weight == "layers.2.q"
    assert view(weight="no such").weight == "layers.0.q"
    assert view(moving=True).weight == "layers.0.q"


def test_count_and_visibility() -> None:
    assert view().count == "8 matrices"
    found = view(q="key")
    assert found.count == "3 of 8 matrices"
    assert found.any_visible
    assert not view(q="nothing").any_visible


def drawn(found: ReportView) -> list[str]:
    return [one.title for _, views in found.views for one in views]


def test_only_figures_that_can_be_drawn() -> None:
    found = view(weight="layers.0.q")
    assert drawn(found) == ["Density"]  # no cut-off to mark
    ((_, (only,)),) = found.views
    assert only.url == "/api/v1/runs/5/figures/steepness/density?weight=layers.0.q"
    assert drawn(ReportView([blocks()], None, State(5, ShownColumns()), False, lambda weight: ())) == []
    assert drawn(view_of([table([row("a", note="all zeros", steepness=None)])])) == []


def test_a_note_stands_with_the_figure_that_lacks_something_or_else_above() -> None:
    lacking = view_of([table([row("a", note="no tail", count=3, steepness=None)])])
    ((_, (only,)),) = lacking.views
    assert (only.note, only.tail, lacking.notes) == ("no tail", False, [])
    nothing = view_of([table([row("a", note="all zeros", steepness=None)])])
    assert nothing.notes == ["all zeros"]


def test_only_what_the_table_shows_is_flagged() -> None:
    assert view().layers.flagged == 2
    assert view(columns=["count"]).layers.flagged == 0


def test_rows_of_the_chosen_checkpoint_only() -> None:
    both = table([row("a", position=0, steepness=3.0), row("a", position=1, steepness=4.0)])
    found = view_of([both], position=1)
    assert [layer.keys[2] for layer in found.layers.rows] == [4.0]
    assert found.picture is not None
    assert found.picture.url.endswith("/by-depth?position=1")
    assert view_of([both], position=2).empty
