"""What all views of a run share."""

import pytest

from analysis.coverage import Coverage
from app.pages.views.state import ShownColumns, State
from app.pages.views.whole import Export, WholeView, sort_link
from tests.frontend.examples import blocks

STATE = State(5, ShownColumns())


def test_coverage_and_exports() -> None:
    table = blocks()
    view = WholeView([table], Coverage(3, 2, 1000, 999, ()), STATE, False)
    assert (view.coverage.analysed, view.coverage.tensors) == (2, 3)
    words = f"{len(table.rows)} rows, exact values"
    assert view.exports == [Export("Steepness", "/api/v1/runs/5/tables/steepness.csv", words)]


@pytest.mark.parametrize(
    ("sort", "name", "link"),
    [
        ("-alpha", "alpha", "/runs/5?sort=alpha"),
        ("alpha", "alpha", "/runs/5?sort=-alpha"),
        ("-alpha", "other", "/runs/5?sort=-other"),
        ("-alpha", "layer", "/runs/5?sort=layer"),
        ("layer", "layer", "/runs/5?sort=-layer"),
    ],
)
def test_a_heading_sorts_the_other_way_round_each_time(sort: str, name: str, link: str) -> None:
    assert sort_link(STATE, sort, name) == link
