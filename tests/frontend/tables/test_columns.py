from dataclasses import replace

from analysis.diagnostic import Table
from frontend.tables.columns import grouped, named, picked, places
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
    assert named(known, "steepness.gap") == named(known, "gap") == known["gap"]
    assert named(known, "other.gap") == known["other.gap"]
    assert named(known, "nonsense") is None
    assert named(known, "other.sizes") is None  # a curve


def test_what_is_asked_for_or_marked_or_else_the_first_numbers() -> None:
    def keys(*names: str) -> list[str]:
        return [place.key for place in picked([blocks(), other()], names)]

    assert keys() == ["other.gap"]
    assert keys("other.word", "gap", "gap", "nonsense") == ["gap", "other.word"]
    assert [place.key for place in picked([blocks()])] == ["steepness", "doubt", "start"]
    assert picked([]) == []


def test_by_diagnostic() -> None:
    found = grouped(list(places([blocks(), other()]).values()))
    assert [title for title, _ in found] == ["Steepness", "Other"]
    assert len(found[0][1]) == len(found[1][1])
