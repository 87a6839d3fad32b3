from app.pages.views.filters import Filter
from frontend.tables.layers import layers
from tests.frontend.examples import blocks

ROWS = layers([blocks()], {"embed"}).rows


def test_text_and_flags_let_rows_through() -> None:
    assert Filter(ROWS, "", False).count == "8 matrices"
    some = Filter(ROWS, " KEY ", False)
    assert some.count == "3 of 8 matrices"
    assert some.any_visible
    assert [row.name for row in ROWS if Filter(ROWS, "", True).visible(row)] == ["embed"]
    assert not Filter(ROWS, "key", True).any_visible
