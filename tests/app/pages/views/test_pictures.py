"""A figure on the page."""

from dataclasses import replace

from analysis.diagnostic import FigureKind
from app.pages.views.pictures import View, figure_url, view_row, view_table
from app.pages.views.state import ShownColumns, State
from tests.frontend.examples import DIAGNOSTIC, blocks, row, table

FIRST = State(5, ShownColumns())
SECOND = State(5, ShownColumns.model_validate({"position": 1}))
SCATTER = next(figure for figure in DIAGNOSTIC.figures if figure.kind is FigureKind.SCATTER)
DENSITY = next(figure for figure in DIAGNOSTIC.figures if figure.kind is FigureKind.DENSITY)


def test_a_figure_is_called_the_same_for_every_weight() -> None:
    def called(url: str) -> str:
        return View("α", "", "density", url).id

    assert called("/api/v1/runs/7/figures/esd/density?weight=a&position=1") == "figure-esd-density-1"
    assert called("/api/v1/runs/8/figures/esd/density?weight=b%22+x") == "figure-esd-density"
    assert called("/api/v1/runs/8/figures/intruders/by-depth?group=0,2") == "figure-intruders-by-depth-0-2"


def test_where_its_json_is() -> None:
    strange = replace(DIAGNOSTIC, name="a b")
    url = figure_url(5, replace(blocks(), diagnostic=strange), SCATTER, {"weight": "a b\udcff"})
    assert url == "/api/v1/runs/5/figures/a%20b/pair?weight=a+b%3F"


def test_the_key_has_the_roles_that_have_values() -> None:
    shown = table([row("a", "q", 0, steepness=3.0), row("b", "conv", None, steepness=None)])
    assert [look.role for look in view_table(FIRST, shown, SCATTER, ["steepness"]).roles] == ["q"]
    by_depth = next(figure for figure in DIAGNOSTIC.figures if figure.kind is FigureKind.DEPTH)
    assert view_table(FIRST, shown, by_depth, ["steepness"]).roles == ()


def test_the_checkpoint_is_part_of_the_address() -> None:
    assert view_table(SECOND, blocks(), SCATTER).url.endswith("/pair?position=1")
    assert view_row(SECOND, blocks(), DENSITY, blocks().rows[0]).url.endswith("?weight=layers.0.q&position=1")


def test_what_is_missing_is_noted() -> None:
    lacking = table([row("a", note="no tail", steepness=None)])
    assert view_row(FIRST, lacking, DENSITY, lacking.rows[0]).note == "no tail"
