"""A report of tables made by hand."""

from dataclasses import replace

import pytest

from analysis.report import summaries_of
from app.pages.views.report import OneCheckpoint, ReportView
from app.pages.views.state import ShownColumns, State
from tests.app.pages.views.made import COVERED, all_curves, view, view_of
from tests.frontend.examples import DIAGNOSTIC, blocks, row, table


def test_coverage_in_words() -> None:
    found = view().coverage
    assert (found.analysed, found.tensors, found.width, found.share) == (2, 3, 66.7, "99.9 %")


def test_the_column_with_a_usual_range_leads() -> None:
    found = view()
    assert found.lead is not None
    assert (found.lead.key, found.table.sort, found.column.color.key) == ("steepness", "-steepness", "steepness")


def test_two_diagnostics_may_share_a_column_name() -> None:
    other = replace(blocks(), diagnostic=replace(DIAGNOSTIC, name="other", title="Other"))
    found = view_of([blocks(), other], color="other.doubt", columns=["doubt", "other.doubt"])
    assert [title for title, _ in found.column.colors] == ["Steepness", "Other"]
    assert found.column.picture is not None
    assert found.column.picture.url == "/api/v1/runs/5/figures/other/doubt.depth"
    assert [heading.name for heading in found.table.layers.headings][2:] == ["doubt", "other.doubt"]
    assert found.table.chosen
    assert found.sayings == [("Other", "Fine. All of it.")]


def test_two_columns_against_each_other_where_both_have_values() -> None:
    (found,) = view().comparisons
    assert (found.kind, found.url) == ("scatter", "/api/v1/runs/5/figures/steepness/pair")
    assert view_of([table([row("a", steepness=3.0)])]).comparisons == []


def test_a_grid_and_the_layers_are_made_once_for_each_choice_of_columns() -> None:
    one = OneCheckpoint([blocks()], COVERED, 0)
    views = [ReportView(one, State(5, ShownColumns(sort=sort)), False, all_curves) for sort in ("", "layer", "-layer")]
    assert views[0].column.grid is views[1].column.grid
    assert len({id(row) for view in views for row in view.table.rows}) == len(blocks().rows)
    names = [[row.name for row in view.table.rows] for view in views]
    assert names[1] == names[2][::-1] != names[0]
    other = ReportView(one, State(5, ShownColumns(color="doubt", columns=["doubt"])), False, all_curves)
    assert other.column.grid is not views[0].column.grid
    assert [heading.name for heading in other.table.layers.headings][2:] == ["doubt"]


@pytest.mark.parametrize("shown", [{}, {"q": "weight=0", "sort": "-layer"}, {"weight": "a", "color": "doubt"}])
def test_the_address_of_a_weight_is_this_page_with_it_chosen(shown: dict[str, str]) -> None:
    found = view_of([blocks()], False, **shown)
    for name in ("layers.2.q", "odd name&weight=1", "α/β?#", "half \udcff pair", "0"):
        assert found.at(name) == found.link(weight=name)


def test_the_chosen_weight_or_else_the_first() -> None:
    assert view(weight="layers.2.q").weight == "layers.2.q"
    assert view(weight="no such").weight == "layers.0.q"
    assert view(moving=True).weight == "layers.0.q"


def test_rows_of_the_chosen_checkpoint_only() -> None:
    both = table([row("a", position=0, steepness=3.0), row("a", position=1, steepness=4.0)])
    found = view_of([both], position=1)
    assert [layer.keys[2] for layer in found.table.layers.rows] == [4.0]
    assert found.column.picture is not None
    assert found.column.picture.url.endswith("/by-depth?position=1")
    assert view_of([both], position=2).empty


def test_only_its_own_rows_in_the_networks_order() -> None:
    names = ["layers.10.q", "layers.2.q", "layers.1.q"]
    whole = table([row(name, position=position, steepness=3.0) for name in names for position in (0, 1)])
    one = OneCheckpoint([whole], COVERED, 1)
    assert [(r.weight.name, r.group) for r in one.tables[0].rows] == [(name, (1,)) for name in reversed(names)]
    assert one.places["steepness"].table is one.tables[0]


def test_the_summaries_are_those_of_the_report() -> None:
    whole = table([row("layers.0.q", steepness=9.0), row("layers.1.q", steepness=3.0)])
    one = OneCheckpoint([whole], COVERED, 0)
    assert one.summaries == summaries_of([whole], COVERED)
    assert one.own_summaries["steepness"] == whole.diagnostic.summarise(whole)
