"""What all views of a run share."""

from analysis.coverage import Coverage
from app.pages.views.state import ShownColumns, State
from app.pages.views.whole import Export, WholeView
from tests.frontend.examples import blocks

STATE = State(5, ShownColumns())


def test_coverage_and_exports() -> None:
    table = blocks()
    view = WholeView([table], Coverage(3, 2, 1000, 999, ()), STATE, False)
    assert (view.coverage.analysed, view.coverage.tensors) == (2, 3)
    words = f"{len(table.rows)} rows, exact values"
    assert view.exports == [Export("Steepness", "/api/v1/runs/5/tables/steepness.csv", words)]
