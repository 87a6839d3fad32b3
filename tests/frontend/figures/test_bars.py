"""Bars: one for each layer that has a number, where the layer stands in the network."""

from frontend.figures.bars import draw_bars


def test_a_bar_stands_at_its_layers_place() -> None:
    drawn = draw_bars(["a", "b", "c<b>%{x}"], [0.5, None, 2.0], "rank", uniform=1.0)
    (bars,) = drawn["data"]
    assert (bars["type"], bars["x"], bars["y"]) == ("bar", [0, 2], [0.5, 2.0])
    assert bars["hovertext"] == ["a: 0.500", "c‹b›% {x}: 2.00"]
    assert drawn["layout"]["yaxis"]["title"]["text"] == "rank"
    (line,) = drawn["layout"]["shapes"]
    assert (line["y0"], line["y1"], line["xref"]) == (1.0, 1.0, "paper")
    assert drawn["layout"]["meta"]["words"] == "From 0.500 (a) to 2.00 (c<b>%{x})."


def test_entries_that_are_no_numbers_are_told() -> None:
    drawn = draw_bars(["a"], [None], "relation")
    assert (drawn["data"], drawn["layout"]["meta"]["note"]) == ([], "No entry is a number.")
    assert "shapes" not in draw_bars(["a"], [1.0], "rank")["layout"]
