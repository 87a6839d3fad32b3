from dataclasses import replace

from analysis.diagnostics import diagnostic
from frontend.tables.trend import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Point, trend

ALPHA = diagnostic("esd").column("alpha")


def test_points_fill_the_picture_and_the_current_one_is_told() -> None:
    found = trend(ALPHA, [Point(0, 3.0, "a"), Point(10, 5.0, "b", current=True)], "layers", "block")
    assert found is not None
    assert [dot.x for dot in found.dots] == [LEFT, WIDTH - RIGHT]
    assert all(TOP <= dot.y <= HEIGHT - BOTTOM for dot in found.dots)
    assert [dot.current for dot in found.dots] == [False, True]
    assert [text for _, text in found.y_ticks] == ["3.00", "5.00"]
    assert [text for _, text in found.x_ticks] == ["0", "10"]
    assert found.usual is not None
    assert (found.title, found.along, found.path[:1]) == ("α", "block", "M")
    assert found.words == "α of 2 layers: from 3.00 to 5.00"


def test_one_point_is_no_trend_and_equal_ones_lie_in_the_middle() -> None:
    assert trend(ALPHA, [Point(0, 3.0, "a")], "layers", "block") is None
    found = trend(ALPHA, [Point(0, 3.0, "a"), Point(1, 3.0, "b")], "layers", "block")
    assert found is not None
    assert {dot.y for dot in found.dots} == {(TOP + HEIGHT - BOTTOM) / 2}
    assert len(found.y_ticks) == 1


def test_many_places_have_few_ticks_and_no_usual_range_is_no_band() -> None:
    plain = replace(ALPHA, usual=None)
    found = trend(plain, [Point(float(n), float(n), str(n)) for n in range(100)], "layers", "block")
    assert found is not None
    assert len(found.x_ticks) == 8
    assert found.usual is None


def test_points_that_are_no_series_are_not_joined() -> None:
    found = trend(ALPHA, [Point(0, 3.0, "a"), Point(1, 4.0, "b")], "layers", "checkpoint", joined=False)
    assert found is not None
    assert found.path == ""
    assert len(found.dots) == 2
