"""Which figures of a family are shown, and where they are."""

from collections.abc import Mapping, Sequence

from analysis.width_scaling.family import family, scaling
from app.pages.views.state import ShownColumns, State
from app.pages.views.width_scaling.figures import FiguresView
from tests.families import settings, table


def figures(stated: Sequence[Mapping[str, float]] | None = None, **shown: object) -> FiguresView:
    rows = table(settings("λ constant"), stated)
    members = family(rows)
    assert members is not None
    return FiguresView(rows, scaling(members), State(5, ShownColumns.model_validate(shown)))


def test_against_the_law_or_as_they_are() -> None:
    law = figures()
    assert (law.itself, [tab.current for tab in law.tabs]) == (False, [True, False])
    assert law.multiples[0][1].url == "/api/v1/runs/5/figures/top_singular_value/scaling?role=q"
    itself = figures(view="drift")
    assert (itself.itself, [tab.url for tab in itself.tabs]) == (True, ["/runs/5", "/runs/5?view=drift"])
    assert itself.multiples[0][1].url.endswith("/drift?role=q")


def test_without_settings_only_as_they_are() -> None:
    unknown = figures([{}] * 4)
    assert (unknown.itself, unknown.tabs) == (True, [])


def test_block_by_block_of_all_models() -> None:
    assert all(view.url.endswith("?group=0%2C1%2C2%2C3") for view in figures().by_block)
