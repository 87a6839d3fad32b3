"""Figures: what is drawn, held against the values and against Plotly's own schema."""

import json
from typing import Any

import plotly.graph_objects as go
import pytest

from analysis.diagnostic import Figure, FigureKind
from analysis.diagnostics import requests
from analysis.formats import open_checkpoint
from analysis.report import analyze
from frontend import figures
from tests.frontend.examples import FIGURES, blocks, power_law, row, table

DENSITY, LINE, DEPTH, MAP = FIGURES


def resolved(value: Any) -> Any:
    """Colour tokens as colours, as the page does."""
    if isinstance(value, str) and value.startswith("var(--"):
        return "#123456"
    if isinstance(value, dict):
        return {name: resolved(inner) for name, inner in value.items()}
    return [resolved(inner) for inner in value] if isinstance(value, list) else value


def accepted(drawn: figures.Json) -> None:
    """Plotly knows every property, and JSON can carry every value."""
    go.Figure(**resolved(json.loads(json.dumps(drawn, allow_nan=False))))


def test_every_kind_has_a_drawing() -> None:
    assert set(figures.KINDS) == set(FigureKind)


def test_a_density_shows_the_tail_and_its_law() -> None:
    drawn = figures.draw(DENSITY, power_law(), "w")
    accepted(drawn)
    bars, fit = drawn["data"]
    assert sum(bars["customdata"]) == 970  # the smallest 3 percent are left out of the picture
    for x, y, count in zip(bars["x"], bars["y"], bars["customdata"], strict=True):
        if count >= 20:
            assert y == pytest.approx(2 * x**-3, rel=0.15)
    (x0, _), (y0, y1) = fit["x"], fit["y"]
    assert (x0, y0) == pytest.approx((1.0, 2.0))
    assert y1 == pytest.approx(2 * fit["x"][1] ** -3)
    assert drawn["layout"]["xaxis"]["title"]["text"] == "size"
    assert drawn["layout"]["annotations"][0]["text"] == "tail from 1.00, slope −3.00"
    assert set(bars["marker"]["color"]) == {"var(--accent) / 85%"}  # all of it lies in the tail


def test_a_density_without_a_fit_is_bars_alone() -> None:
    found = power_law().rows[0]
    drawn = figures.draw(DENSITY, table([row("w", curves=found.measurement.curves)]), "w")
    assert [trace["type"] for trace in drawn["data"]] == ["bar"]


def test_a_line_marks_what_was_chosen() -> None:
    drawn = figures.draw(LINE, power_law(), "w")
    accepted(drawn)
    curve, mark = drawn["data"]
    assert len(curve["x"]) == 50
    assert (mark["x"], mark["y"]) == ([1.0], [0.01])
    assert drawn["layout"]["xaxis"]["type"] == "log"  # 1 to 100
    assert drawn["layout"]["xaxis"]["ticktext"] == ["1", "10", "100"]


def test_depth_draws_roles_errors_and_the_healthy_range() -> None:
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
    assert [label["text"] for label in drawn["layout"]["annotations"]] == ["query", "key", "healthy, 2 to 6"]


def test_a_heat_map_orders_roles_and_knows_its_weights() -> None:
    drawn = figures.draw(MAP, blocks())
    accepted(drawn)
    (data,) = drawn["data"]
    assert data["y"] == ["query", "key"]
    assert data["z"] == [[2.5, 3.0, 7.0], [4.0, 1.0, 6.0]]
    assert (data["zmin"], data["zmax"]) == (-1.0, 9.0)  # the healthy range in the middle of the scale
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
    report = analyze(open_checkpoint([minilm]), requests({"esd": {}, "norms": {}}))
    names = [info.weight.name for info in report.tables[0].rows]
    for found in report.tables:
        for figure in found.diagnostic.figures:
            for weight in names[::9] if figure.per_weight else [None]:
                drawn = figures.draw(figure, found, weight)
                accepted(drawn)
                assert drawn["data"]


def test_power_of_ten() -> None:
    assert [figures.power_of_ten(k) for k in (-8, -2, 0, 3, 12)] == ["10⁻⁸", "0.01", "1", "1000", "10¹²"]


def test_no_markup_that_needs_a_style() -> None:
    """Plotly writes <b> and <sup> as style attributes, which the page's policy forbids."""
    for figure, found, weight in ((DENSITY, power_law(), "w"), (DEPTH, blocks(), None), (MAP, blocks(), None)):
        text = json.dumps(figures.draw(figure, found, weight))
        assert not any(tag in text for tag in ("<b>", "<i>", "<sup>", "<sub>", "<span"))
        assert '"exponentformat"' not in text
