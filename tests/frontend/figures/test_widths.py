"""A curve against widths: which points, which lines, and the law beside them."""

import math

import pytest

from analysis.diagnostic import Table
from frontend.figures.draw import draw
from frontend.figures.plotting import Json
from tests.frontend.families import PLAIN, SCALED, table, widths
from tests.frontend.figures.test_draw import accepted


def slope(line: Json) -> float:
    (x0, x1), (y0, y1) = line["x"], line["y"]
    return math.log(y1 / y0) / math.log(x1 / x0)


def test_one_role_has_a_point_for_each_block_and_model_and_two_lines() -> None:
    drawn = draw(SCALED, widths(), role="q")
    accepted(drawn)
    line, marks, law = drawn["data"]
    assert sorted(zip(marks["x"], marks["y"], strict=True)) == [
        (10.0, 2.0), (10.0, 4.0), (20.0, 4.0), (20.0, 8.0), (40.0, 8.0), (40.0, 16.0)
    ]  # fmt: skip
    assert slope(line) == pytest.approx(1.0)
    assert slope(law) == pytest.approx(0.75)
    assert law["line"]["dash"] == "dash"
    assert drawn["layout"]["xaxis"]["ticktext"] == ["10", "20", "40"]
    assert drawn["layout"]["meta"]["words"] == "Slopes: query 1.00; the reference has 0.75."


def test_all_roles_are_named_at_their_ends_and_those_outside_blocks_left_out() -> None:
    drawn = draw(PLAIN, widths())
    accepted(drawn)
    assert [label["text"] for label in drawn["layout"]["annotations"]] == ["query 1.00", "key 0.00"]
    assert slope(drawn["data"][-1]) == pytest.approx(0.0)


def test_small_multiples_share_their_axes() -> None:
    query, key = (draw(SCALED, widths(), role=role)["layout"] for role in "qk")
    assert query["yaxis"]["range"] == key["yaxis"]["range"]
    assert query["xaxis"]["range"] == key["xaxis"]["range"]


def test_a_model_without_a_scale_is_left_out() -> None:
    drawn = draw(SCALED, widths(0.5, None, 0.25), role="k")
    assert drawn["data"][1]["x"] == [10.0, 40.0]
    assert drawn["data"][1]["y"] == [6.0, 12.0]


def test_without_scales_values_are_as_they_are() -> None:
    drawn = draw(SCALED, widths(None, None, None), role="k")
    assert drawn["data"][1]["y"] == [3.0, 3.0, 3.0]
    assert slope(drawn["data"][-1]) == pytest.approx(0.0)


def test_what_is_outside_blocks_can_be_asked_for() -> None:
    assert draw(PLAIN, widths(), role="embedding")["data"][1]["y"] == [9.0, 9.0, 9.0]


@pytest.mark.parametrize(
    "empty", [table({}, {}), table({(0,): {"width": 1.0}, (1,): {"width": 2.0}}, {("q", 0): [0.0, 1.0]})]
)
def test_nothing_to_draw_is_said(empty: Table) -> None:
    drawn = draw(SCALED, empty)
    assert drawn["data"] == []
    assert "measured in all models" in drawn["layout"]["meta"]["note"]


def test_one_width_has_points_and_no_fitted_line() -> None:
    same = table({(0,): {"width": 8.0}, (1,): {"width": 8.0}}, {("q", 0): [1.0, 2.0]})
    drawn = draw(PLAIN, same)
    assert [trace["mode"] for trace in drawn["data"]] == ["markers", "lines"]
    assert drawn["layout"]["meta"]["words"] == "One width."
