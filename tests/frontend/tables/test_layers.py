from dataclasses import replace

import pytest

from frontend.tables.layers import band, layers
from tests.frontend.examples import DIAGNOSTIC, blocks, row, table


def test_every_weight_is_a_row_with_its_keys() -> None:
    found = layers([blocks()], {"layers.2.q"})
    assert [heading.name for heading in found.headings] == ["layer", "shape", "steepness", "doubt", "start"]
    first = found.rows[0]
    assert (first.name, first.shape, first.keys) == ("layers.0.q", "4 × 8", (0.0, 32.0, 2.5, 0.5, None))
    assert [cell.text for cell in first.cells] == ["2.50", "0.500", "–"]
    assert (found.flagged, [row.name for row in found.rows if row.flagged]) == (1, ["layers.2.q"])


def test_a_note_stands_in_place_of_values() -> None:
    last = layers([blocks()], ()).rows[-1]
    assert [(cell.text, cell.span) for cell in last.cells] == [("too few", 3)]


@pytest.mark.parametrize(
    ("sort", "first"),
    [("-steepness", "layers.2.q"), ("steepness", "layers.1.k"), ("", "layers.0.q"), ("what", "layers.0.q")],
)
def test_sorting_puts_what_is_absent_last(sort: str, first: str) -> None:
    rows = layers([blocks()], ()).in_order(sort).rows
    assert rows[0].name == first
    assert rows[-1].name == "type"


@pytest.mark.parametrize(("sort", "place"), [("-steepness", 0), ("", 0), ("steepness", 7), ("layer", 2)])
def test_nan_is_the_worst_of_all_values(sort: str, place: int) -> None:
    rows = list(blocks().rows)
    rows.insert(2, row("layers.1.v", "v", 1, note="layers.1.v: 1 of 32 values are NaN or infinite"))
    found = layers([table(rows)], ()).in_order(sort).rows
    assert [layer.name for layer in found].index("layers.1.v") == place
    assert len(found) == 9


def test_tables_meet_in_one_row() -> None:
    embed = table([row("embed", "embedding", None, count=7)])
    other = replace(embed, diagnostic=replace(DIAGNOSTIC, name="other"))
    found = layers([blocks(), other], (), columns=["steepness", "doubt", "other.count"])
    assert [heading.name for heading in found.headings][2:] == ["steepness", "doubt", "other.count"]
    cells = {layer.name: [cell.text for cell in layer.cells] for layer in found.rows}
    assert cells["embed"] == ["3.50", "0.100", "7"]
    assert cells["layers.0.q"] == ["2.50", "0.500", "–"]
    assert cells["type"] == ["too few", "–"]


def test_a_long_note_is_told_on_hover() -> None:
    rows = table([row("a", note="a note that is far too long for one column", steepness=None)])
    (cell,) = layers([rows], (), columns=["steepness"]).rows[0].cells
    assert (cell.text, cell.title) == ("–", "a note that is far too long for one column")


def test_words_and_flags_are_sorted_too() -> None:
    rows = table([row("a", word="zebra", weak=True), row("b", word="ant", weak=False), row("c")])
    found = layers([rows], (), columns=["word", "weak"]).in_order("word")
    assert [layer.name for layer in found.rows] == ["b", "a", "c"]
    assert [layer.name for layer in layers([rows], (), columns=["weak"]).in_order("-weak").rows] == ["a", "b", "c"]
    assert [heading.number for heading in found.headings] == [False, True, False, False]


def test_a_band_is_drawn_to_scale() -> None:
    column = DIAGNOSTIC.column("steepness")
    found = band(column, 4.0, 1.0)  # the drawing spans 0 to 10.5
    assert found.ok == pytest.approx((132 * 2 / 10.5, 132 * 4 / 10.5), abs=0.1)
    assert found.x == pytest.approx(132 * 4 / 10.5, abs=0.1)
    assert found.error == pytest.approx((132 * 3 / 10.5, 132 * 5 / 10.5), abs=0.1)
    assert (found.css, found.beyond) == ("", False)
    assert (band(column, 12.0, None).css, band(column, 12.0, None).beyond) == ("out", True)
    assert band(column, 1.0, None).css == "low"


def test_a_band_around_one_usual_value() -> None:
    column = replace(DIAGNOSTIC.column("steepness"), usual=(0.0, 0.0))
    assert [band(column, value, None).css for value in (-1.0, 0.0, 1.0)] == ["low", "", "out"]
