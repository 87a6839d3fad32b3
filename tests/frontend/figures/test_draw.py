"""Figures: what is drawn, held against the values and against Plotly's own schema."""

import json
from typing import Any

import plotly.graph_objects as go
import pytest

from analysis.diagnostic import Figure, FigureKind
from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from frontend.figures import draw as figures
from frontend.figures.plotting import Json
from tests.frontend.examples import FIGURES, blocks, power_law, row, table

DENSITY, LINE, DEPTH, MAP, *OTHERS = FIGURES


def resolved(value: Any) -> Any:
    """Colour tokens as colours, as the page does."""
    if isinstance(value, str) and value.startswith("var(--"):
        return "#123456"
    if isinstance(value, dict):
        return {name: resolved(inner) for name, inner in value.items()}
    return [resolved(inner) for inner in value] if isinstance(value, list) else value


def accepted(drawn: Json) -> None:
    """Plotly knows every property, and JSON can carry every value."""
    go.Figure(**resolved(json.loads(json.dumps(drawn, allow_nan=False))))


def test_every_kind_has_a_drawing() -> None:
    assert set(figures.KINDS) == set(FigureKind)


def test_a_line_marks_what_was_chosen() -> None:
    drawn = figures.draw(LINE, power_law(), "w")
    accepted(drawn)
    curve, mark = drawn["data"]
    assert len(curve["x"]) == 50
    assert (mark["x"], mark["y"]) == ([1.0], [0.01])
    assert drawn["layout"]["xaxis"]["type"] == "log"  # 1 to 100
    assert drawn["layout"]["xaxis"]["ticktext"] == ["1", "10", "100"]


def test_depth_draws_roles_errors_and_the_usual_range() -> None:
    drawn = figures.draw(DEPTH, blocks())
    accepted(drawn)
    lines = [trace for trace in drawn["data"] if trace["mode"] == "lines"]
    dots = [trace for trace in drawn["data"] if trace["mode"] == "markers"]
    assert [trace["y"] for trace in lines] == [[2.5, 3.0, 7.0], [4.0, 1.0, 6.0]]
    assert dots[0]["marker"]["symbol"] == ["circle", "circle", "circle-open"]  # the last rests on little
    assert dots[0]["error_y"]["array"] == [0.5, 0.5, 0.5]
    assert dots[0]["customdata"][2] == ["layers.2.q", "7.00 ± 0.500"]
    assert drawn["layout"]["yaxis"]["title"]["text"] == "β (dB)"
    assert [(shape["y0"], shape["y1"]) for shape in drawn["layout"]["shapes"]] == [(2, 6), (2, 2), (6, 6)]
    assert [label["text"] for label in drawn["layout"]["annotations"]] == ["query", "key", "usual, 2 to 6"]


def test_a_heat_map_orders_roles_and_knows_its_weights() -> None:
    drawn = figures.draw(MAP, blocks())
    accepted(drawn)
    (data,) = drawn["data"]
    assert data["y"] == ["query", "key"]
    assert data["z"] == [[2.5, 3.0, 7.0], [4.0, 1.0, 6.0]]
    assert (data["zmin"], data["zmax"]) == (-1.0, 9.0)  # the usual range in the middle of the scale
    assert data["customdata"][1][2] == "layers.2.k"


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.kind)
def test_nothing_to_draw_says_why(figure: Figure) -> None:
    drawn = figures.draw(figure, table([row("w", depth=None, note="too few", steepness=None)]), "w")
    assert drawn["data"] == []
    assert drawn["layout"]["meta"]["note"]


def test_a_weight_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        figures.draw(DENSITY, blocks(), "no such weight")


def test_every_declared_figure_draws_a_real_model(minilm: Any) -> None:
    report = analyze(open_checkpoint([minilm]), requests())
    names = [info.weight.name for info in report.tables[0].rows]
    for found in report.tables:
        for figure in found.diagnostic.figures:
            for weight in names[::9] if figure.per_weight else [None]:
                drawn = figures.draw(figure, found, weight)
                accepted(drawn)
                assert drawn["data"]


def test_no_markup_that_needs_a_style() -> None:
    """Plotly writes <b> and <sup> as style attributes, which the page's policy forbids."""
    drawn = [(DENSITY, power_law(), "w"), *((figure, blocks(), None) for figure in (DEPTH, MAP, *OTHERS))]
    for figure, found, weight in drawn:
        text = json.dumps(figures.draw(figure, found, weight))
        assert not any(tag in text for tag in ("<b>", "<i>", "<sup>", "<sub>", "<span"))
        assert '"exponentformat"' not in text
