"""The table as marks by role: where they stand, what they are called, and what is drawn around them."""

import pytest

from analysis.figure import Distribution, Figure, Flow
from frontend.figures import overview
from frontend.figures.draw import draw
from tests.frontend.examples import FIGURES, blocks, row, table
from tests.frontend.figures.test_draw import accepted

PAIR, FLOW, SPREAD = FIGURES[4:]


def test_a_scatter_has_equal_axes_and_the_line_between() -> None:
    drawn = draw(PAIR, blocks())
    accepted(drawn)
    layout = drawn["layout"]
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"]
    (line,) = layout["shapes"]
    assert (line["x0"], line["x1"]) == (line["y0"], line["y1"]) == tuple(layout["xaxis"]["range"])
    queries = drawn["data"][0]
    assert (queries["x"], queries["y"]) == ([0.0, 1.0, 2.0], [2.5, 3.0, 7.0])
    assert queries["error_x"]["array"] == [0.5, 0.5, 0.5]
    assert queries["customdata"][2] == ["layers.2.q", "Block 2 · query<br>Count 2.00 ± 0.500<br>β 7.00"]


def test_a_scatter_leaves_out_what_has_one_value_only() -> None:
    found = overview.scatter(PAIR, table([row("a", steepness=1.0, count=2), row("b", count=3)]), None, 0)
    assert isinstance(found, overview.Scatter)
    assert [mark.weight for marks in found.marks.values() for mark in marks] == ["a"]


def test_a_flow_is_one_line_over_all_layers_in_their_order() -> None:
    drawn = draw(FLOW, blocks())
    accepted(drawn)
    line, *marks = drawn["data"]
    assert line["y"] == [2.5, 3.0, 7.0, 4.0, 1.0, 6.0, 3.5]
    assert sum(len(trace["x"]) for trace in marks) == len(line["x"]) == 7
    assert {trace["marker"]["symbol"][0] for trace in marks} == {"circle", "square"}
    assert marks[0]["marker"]["symbol"][2] == "circle-open"  # rests on little
    assert drawn["layout"]["xaxis"]["ticktext"] == ["0", "1", "2"]
    assert drawn["layout"]["shapes"]


def test_a_flow_over_many_blocks_names_a_few() -> None:
    found = overview.flow(FLOW, table([row(str(i), depth=i, steepness=3.0) for i in range(100)]), None, 0)
    assert isinstance(found, overview.Flow)
    assert len(found.ticks) <= overview.MOST_TICKS
    assert [text for at, text in found.ticks] == [str(at) for at, _ in found.ticks]


def test_a_distribution_has_a_row_for_each_role_and_its_median() -> None:
    drawn = draw(SPREAD, blocks())
    accepted(drawn)
    assert drawn["layout"]["yaxis"]["ticktext"] == ["query", "key", "embedding"]
    queries = drawn["data"][0]
    assert queries["x"] == [2.5, 3.0, 7.0]
    assert queries["y"] == [0.0, 0.0, 0.0]
    _, _, _, *medians = drawn["layout"]["shapes"]
    assert [line["x0"] for line in medians] == [3.0, 4.0, 3.5]


def test_equal_values_stand_above_each_other_and_within_their_row() -> None:
    found = overview.distribution(SPREAD, table([row(str(i), steepness=3.0) for i in range(200)]), None, 0)
    assert isinstance(found, overview.Distribution)
    heights = [mark.y for mark in found.marks["q"]]
    assert len(set(heights)) == 200
    assert min(heights) >= -overview.ROOM
    assert max(heights) == 0.0


@pytest.mark.parametrize(("values", "logarithmic"), [((1, 10), False), ((1, 1000), True), ((-1, 1000), False)])
def test_what_spans_much_goes_by_logarithm(values: tuple[int, ...], logarithmic: bool) -> None:
    rows = [row(str(value), count=value) for value in values]
    figure = Figure("", "", "", Distribution(x="count"))
    drawn = draw(figure, table(rows))
    accepted(drawn)
    assert (drawn["layout"]["xaxis"].get("type") == "log") is logarithmic
    assert drawn["data"][0]["x"] == list(values)
    flow = draw(Figure("", "", "", Flow(y="count")), table(rows))
    accepted(flow)
    assert (flow["layout"]["yaxis"].get("type") == "log") is logarithmic
    assert flow["data"][0]["y"] == list(values)
