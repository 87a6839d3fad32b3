import pytest

from frontend.figures import data as shapes
from frontend.figures.draw import draw
from tests.frontend.examples import FIGURES, blocks, row, table

DEPTH, MAP = FIGURES[2:4]


def test_depth_takes_the_median_of_several_weights() -> None:
    rows = [row(str(i), "up", 3, steepness=value) for i, value in enumerate((2.0, 3.0, 10.0))]
    found = shapes.depth(DEPTH, table(rows), None, 0)
    assert isinstance(found, shapes.Depth)
    assert found.middle["up"] == ([3], [3.0])
    assert len(found.roles["up"]) == 3


def test_depth_ends_where_one_value_would_flatten_the_rest() -> None:
    values = (3.0, 4.0, 400.0)
    found = shapes.depth(DEPTH, table([row(str(i), depth=i, steepness=v) for i, v in enumerate(values)]), None, 0)
    assert isinstance(found, shapes.Depth)
    assert found.y_range[1] == pytest.approx(16.84)  # four medians, and some room
    assert [point.value for point in found.roles["q"]] == list(values)
    assert [point.shown == point.value for point in found.roles["q"]] == [True, True, False]


def test_one_usual_value_does_not_end_the_scale_there() -> None:
    assert shapes.ceiling([0.0, 0.0, 7.0], (0.0, 0.0)) == 7.0


def test_a_heat_map_leaves_gaps() -> None:
    found = shapes.heatmap(MAP, table([row("a", "q", 0, steepness=3.0), row("b", "k", 5, steepness=4.0)]), None, 0)
    assert isinstance(found, shapes.Heatmap)
    assert found.values == [[3.0, None], [None, 4.0]]
    assert found.texts == [["3.0", ""], ["", "4.0"]]
    assert found.weights == [["a", ""], ["", "b"]]


def test_blocks_without_numbers() -> None:
    assert isinstance(shapes.depth(DEPTH, table([row("a", depth=None, steepness=3.0)]), None, 0), str)
    assert isinstance(shapes.heatmap(MAP, blocks(), None, 7), str)


def test_a_map_tells_where_nan_is() -> None:
    broken = row("b", "k", 5, note="b: 1 of 32 values are NaN or infinite")
    found = shapes.heatmap(MAP, table([row("a", "q", 0, steepness=3.0), broken]), None, 0)
    assert isinstance(found, shapes.Heatmap)
    assert (found.broken, found.values) == ([("k", 5)], [[3.0, None], [None, None]])
    assert isinstance(shapes.heatmap(MAP, table([broken]), None, 0), str)
    (mark,) = draw(MAP, table([row("a", "q", 0, steepness=3.0), broken]))["layout"]["annotations"]
    assert (mark["x"], mark["y"], mark["text"]) == (5, "key", "✕ NaN")
