from analysis.diagnostics import diagnostic
from frontend.compared import style_of
from frontend.tables.lineup import LEFT, lineup
from frontend.tables.trend import RIGHT, WIDTH

ALPHA = diagnostic("esd").column("alpha")
LOOKS = [style_of(name, place) for place, name in enumerate(["first", "second", "the third of a long name"])]


def test_each_model_has_a_row_and_its_value_a_place() -> None:
    found = lineup(ALPHA, LOOKS, [3.0, None, 5.0], "reports")
    assert found is not None
    assert [entry.place for entry in found.entries] == [0, 2]
    assert [entry.color for entry in found.entries] == ["m-base", "m-2"]
    assert found.entries[0].name == "first"
    assert len(found.entries[1].name) <= 18
    assert found.entries[1].words == "the third of a long name: α 5.00"
    assert LEFT < found.entries[0].x < found.entries[1].x < WIDTH - RIGHT
    assert found.entries[0].y < found.entries[1].y < found.axis < found.height
    assert [text for _, text in found.ticks] == ["3.00", "5.00"]
    assert found.usual == (LEFT, WIDTH - RIGHT - LEFT)  # all of it lies within 2 to 6
    assert (found.title, found.words) == ("α", "α of 2 reports: from 3.00 to 5.00")


def test_one_value_is_nothing_to_compare() -> None:
    assert lineup(ALPHA, LOOKS, [3.0, None, None], "reports") is None
