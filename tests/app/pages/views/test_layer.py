"""The panel of a report."""

from app.pages.views.report import OneCheckpoint, ReportView
from app.pages.views.state import ShownColumns, State
from tests.app.pages.views.made import view, view_of
from tests.frontend.examples import blocks, row, table


def drawn(found: ReportView) -> list[str]:
    return [one.title for _, views in found.layer.views for one in views]


def test_only_figures_that_can_be_drawn() -> None:
    found = view(weight="layers.0.q")
    assert drawn(found) == ["Density"]  # no cut-off to mark
    ((_, (only,)),) = found.layer.views
    assert only.url == "/api/v1/runs/5/figures/steepness/density?weight=layers.0.q"
    assert (
        drawn(ReportView(OneCheckpoint([blocks()], None, 0), State(5, ShownColumns()), False, lambda weight: ())) == []
    )
    assert drawn(view_of([table([row("a", note="all zeros", steepness=None)])])) == []


def test_a_note_stands_with_the_figure_that_lacks_something_or_else_above() -> None:
    lacking = view_of([table([row("a", note="no tail", count=3, steepness=None)])])
    ((_, (only,)),) = lacking.layer.views
    assert (only.note, only.tail, lacking.layer.notes) == ("no tail", False, [])
    nothing = view_of([table([row("a", note="all zeros", steepness=None)])])
    assert nothing.layer.notes == ["all zeros"]
