from app.pages.views.state import ShownColumns, State


def test_defaults_stay_out_of_the_address() -> None:
    assert State(3, ShownColumns()).address == "/runs/3"
    assert State(3, ShownColumns(sort="-alpha", q="a&b")).address == "/runs/3?sort=-alpha&q=a%26b"


def test_a_link_changes_one_thing() -> None:
    state = State(3, ShownColumns(sort="-alpha", q="query", weight="a.b"))
    assert state.link(q="") == "/runs/3?weight=a.b&sort=-alpha"
    assert state.link(weight="<x>") == "/runs/3?weight=%3Cx%3E&sort=-alpha&q=query"
    assert state.address == "/runs/3?weight=a.b&sort=-alpha&q=query"


def test_a_form_keeps_the_rest() -> None:
    state = State(3, ShownColumns(sort="-alpha", q="query", position=1))
    assert state.form_fields("q") == [("sort", "-alpha"), ("position", "1")]


def test_a_list_is_written_one_by_one() -> None:
    state = State(3, ShownColumns(columns=["alpha", "erg.alpha"], view="flow"))
    assert state.address == "/runs/3?view=flow&columns=alpha&columns=erg.alpha"
    assert state.form_fields("view") == [("columns", "alpha"), ("columns", "erg.alpha")]
    assert state.link(columns=[]) == "/runs/3?view=flow"


def test_half_a_surrogate_pair_makes_an_address() -> None:
    assert State(1, ShownColumns()).link(weight="\ud800") == "/runs/1?weight=%3F"
