from app.lists.selection import Part
from app.pages.listings.address import Address, CheckpointQuery, RunQuery


def test_a_change_of_filters_begins_at_the_first_page() -> None:
    address = Address("/checkpoints", CheckpointQuery(q="a b", page=3, sort="name"), 120)
    assert address.link(tag="x") == "/checkpoints?q=a+b&tag=x&sort=name"
    assert address.previous == "/checkpoints?q=a+b&sort=name&page=2"
    assert address.next == ""
    assert (address.pages, address.span) == (3, "101–120 of 120")
    assert address.hidden("q") == [("sort", "name")]


def test_headings_turn_round() -> None:
    address = Address("/runs", RunQuery(sort="-worst"), 0)
    assert (address.heading("worst").state, address.heading("worst").url) == ("descending", "/runs?sort=worst")
    assert (address.heading("ended").state, address.heading("ended").url) == ("", "/runs?sort=-ended")
    assert address.span == "none"


def test_an_empty_part_is_not_offered() -> None:
    address = Address("/runs", RunQuery(show=Part.TRASH), 1)
    counts = {Part.ACTIVE: 0, Part.ARCHIVED: 0, Part.TRASH: 1}
    tabs = [(tab.title, tab.count, tab.url, tab.current) for tab in address.tabs(counts)]
    assert tabs == [("Active", 0, "/runs", False), ("Trash", 1, "/runs?show=trash", True)]


def test_what_was_deleted_is_in_the_address() -> None:
    assert Address("/runs", RunQuery(undo="3,x,4"), 0).undo == [3, 4]
