from dataclasses import replace

from analysis.diagnostic import Table
from frontend.tables.columns import group_places, pick_columns, place_named, places
from tests.frontend.examples import DIAGNOSTIC, blocks


def other() -> Table:
    """A second diagnostic with the same columns, of which it marks one."""
    columns = tuple(replace(column, shown=column.name == "gap") for column in DIAGNOSTIC.columns)
    return replace(blocks(), diagnostic=replace(DIAGNOSTIC, name="other", title="Other", columns=columns))


def test_the_first_table_keeps_a_name_and_others_are_told_apart() -> None:
    known = places([blocks(), other()])
    assert known["gap"].table.diagnostic.name == "steepness"
    assert known["other.gap"].table.diagnostic.name == "other"
    assert not any(place.column.kind == "curve" for place in known.values())


def test_a_column_is_found_by_its_key_or_full_name() -> None:
    known = places([blocks(), other()])
    assert place_named(known, "steepness.gap") == place_named(known, "gap") == known["gap"]
    assert place_named(known, "other.gap") == known["other.gap"]
    assert place_named(known, "nonsense") is None
    assert place_named(known, "other.sizes") is None  # a curve


def test_what_is_asked_for_or_marked_or_else_the_first_numbers() -> None:
    def keys(*names: str) -> list[str]:
        return [place.key for place in pick_columns([blocks(), other()], names)]

    assert keys() == ["other.gap"]
    assert keys("other.word", "gap", "gap", "nonsense") == ["gap", "other.word"]
    assert [place.key for place in pick_columns([blocks()])] == ["steepness", "doubt", "start"]
    assert pick_columns([]) == []


def test_by_diagnostic() -> None:
    found = group_places(list(places([blocks(), other()]).values()))
    assert [title for title, _ in found] == ["Steepness", "Other"]
    assert len(found[0][1]) == len(found[1][1])
