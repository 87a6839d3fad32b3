import pytest

from analysis.report import Coverage, Skipped
from app.pages.report import ReportView
from app.pages.state import Shown, State
from tests.frontend.examples import blocks, row, table

COVERED = Coverage(3, 2, 1000, 999, (Skipped("b", (4,), "one-dimensional"),))


def view(moving: bool = False, **shown: object) -> ReportView:
    return ReportView([blocks()], COVERED, State(5, Shown.model_validate(shown)), moving)


def test_coverage_in_words() -> None:
    found = view().coverage
    assert (found.analysed, found.tensors, found.width, found.share) == (2, 3, 66.7, "99.9 %")
    assert (found.reasons, found.more) == ("1 × one-dimensional", 0)


def test_the_column_with_a_healthy_range_leads() -> None:
    found = view()
    assert found.main is not None
    assert (found.main.name, found.sort, found.color) == ("steepness", "-steepness", "steepness")
    assert view(color="doubt").color == "doubt"
    assert view(color="nonsense").color == "steepness"


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


def test_only_figures_that_can_be_drawn() -> None:
    assert [figure.title for figure in view(weight="layers.0.q").views] == ["Density"]  # no cut-off to mark
    nothing = ReportView([table([row("a", note="all zeros", steepness=None)])], None, State(1, Shown()), moving=False)
    assert nothing.views == []
    url = view(weight="layers.0.q").views[0].url
    assert url == "/api/v1/runs/5/figures/steepness/density?weight=layers.0.q"


def test_rows_of_the_chosen_checkpoint_only() -> None:
    both = table([row("a", position=0, steepness=3.0), row("a", position=1, steepness=4.0)])
    found = ReportView([both], None, State(1, Shown(position=1)), moving=False)
    assert [layer.keys[2] for layer in found.layers.rows] == [4.0]
    assert found.depth is not None
    assert found.depth.url.endswith("/by-depth?position=1")
    assert ReportView([both], None, State(1, Shown(position=2)), moving=False).empty
