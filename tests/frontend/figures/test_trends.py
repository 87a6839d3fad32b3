from dataclasses import replace

import pytest

from analysis import figure as plots
from frontend.figures.trends import Series, Sweep, draw_series, draw_sweep, series, sweep
from tests.frontend.figures.test_draw import accepted
from tests.frontend.pairs import DIAGNOSTIC, SERIES, SWEEP, both, pair, table

COLUMNS = {part: DIAGNOSTIC.column(name) for part, name in SWEEP.parts.items()}
BIG = {"y": DIAGNOSTIC.column("strangers")}


def test_a_sweep_sums_over_the_weights_of_each_group() -> None:
    found = sweep(SWEEP, both(), None, 0)
    assert isinstance(found, Sweep)
    first, second = found.lines
    at = first.x.index(0.5)
    assert first.y[at] == 5  # 0.3 and 0.45 of one, 0.1, 0.2, 0.3 of the other
    assert first.y[first.x.index(0.15)] == 1
    assert second.y == [0] * 19
    assert found.mark == 0.5
    assert found.words == "LoRA r = 1: 0 to 6; full: 0 to 0."


def test_a_sweep_is_drawn_with_its_mark_and_names() -> None:
    found = sweep(SWEEP, both(), None, 0)
    assert isinstance(found, Sweep)
    drawn = draw_sweep(found, COLUMNS)
    accepted(drawn)
    assert [trace["name"] for trace in drawn["data"]] == ["LoRA r = 1", "full"]
    assert [words["text"] for words in drawn["layout"]["annotations"]] == ["ε 0.50", "LoRA r = 1", "full"]
    assert drawn["layout"]["shapes"][0]["x0"] == 0.5


def test_rows_without_the_curve_are_left_out() -> None:
    rows = [pair("a", 1), pair("b", 1, note="all zeros")]
    found = sweep(SWEEP, table(rows), None, 0)
    assert isinstance(found, Sweep)
    assert found.lines[0].y[-1] == 3
    assert isinstance(sweep(SWEEP, table(rows[1:]), None, 0), str)


def test_a_series_sums_counts_over_the_steps_of_training() -> None:
    found = series(SERIES, both(), None, {0: 0, 1: 800, 2: 400})
    assert isinstance(found, Series)
    assert found.stepped
    assert [(point.x, point.y, point.look.position) for point in found.steps] == [(400, 0, 2), (800, 5, 1)]
    drawn = draw_series(found, BIG)
    accepted(drawn)
    assert drawn["layout"]["xaxis"]["title"]["text"] == "training step"
    assert [trace["mode"] for trace in drawn["data"]] == ["lines", "markers", "markers"]


@pytest.mark.parametrize("steps", [{}, {1: 100}, {1: 100, 2: 100}])
def test_without_known_steps_each_has_a_row_and_no_line_joins_them(steps: dict[int, float]) -> None:
    found = series(SERIES, both(), None, steps)
    assert isinstance(found, Series)
    assert not found.stepped
    assert [(point.x, point.words) for point in found.steps] == [(1, "LoRA r = 1"), (2, "full")]
    drawn = draw_series(found, BIG)
    accepted(drawn)
    assert drawn["layout"]["yaxis"]["ticktext"] == ["LoRA r = 1", "full"]
    assert drawn["layout"]["xaxis"]["title"]["text"].endswith("in all matrices")
    assert [(trace["mode"], trace["x"], trace["y"]) for trace in drawn["data"]] == [
        ("markers", [5.0], [1.0]),
        ("markers", [0.0], [2.0]),
    ]


def test_what_is_no_count_stands_with_its_median() -> None:
    found = series(replace(SERIES, plot=plots.Series(y="change")), both(), None, {})
    assert isinstance(found, Series)
    assert [point.y for point in found.steps] == pytest.approx([0.1, 0.2])
    assert isinstance(series(SERIES, table([pair("a", 1, note="zeros")]), None, {}), str)
