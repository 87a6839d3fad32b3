from dataclasses import replace

from analysis.diagnostic import Row, Table
from frontend.tables.beside import Difference, beside, changes
from tests.frontend.examples import DIAGNOSTIC, row, table

STEEP = DIAGNOSTIC.column("steepness")


def at(place: int, name: str, value: float | None, doubt: float | None = 0.1) -> Row:
    return row(name, "q", 0, place, steepness=value, doubt=doubt)


def reports() -> Table:
    return table([
        at(0, "a", 3.0), at(0, "b", 4.0), at(0, "c", 5.0),
        at(1, "a", 3.1), at(1, "b", 2.0), at(1, "d", 1.0),
    ])  # fmt: skip


def test_differences_are_to_the_first_and_know_whether_errors_explain_them() -> None:
    rows = {found.name: found for found in beside(reports(), STEEP, 2)}
    assert [(name, found.texts, found.differences[0].text) for name, found in rows.items()] == [
        ("a", ("3.00", "3.10"), "+0.100"),
        ("b", ("4.00", "2.00"), "−2.00"),
        ("c", ("5.00", "–"), ""),
        ("d", ("–", "1.00"), ""),
    ]
    assert [found.differences[0].beyond for found in rows.values()] == [False, True, None, None]
    assert [found.differences[0].css for found in rows.values()] == ["", "fell", "", ""]
    assert [round(found.largest, 3) for found in rows.values()] == [0.1, 2.0, -1.0, -1.0]


def test_changes_are_counted() -> None:
    found = changes(beside(reports(), STEEP, 2), 1)
    assert (found.shared, found.larger, found.smaller, found.beyond) == (2, 1, 1, 1)
    assert (found.only_first, found.only_other) == (1, 1)
    assert found.most is not None
    assert found.most.name == "b"


def test_without_errors_nothing_is_judged() -> None:
    plain = replace(STEEP, error=None)
    (found,) = beside(table([at(0, "a", 1.0), at(1, "a", 2.0)]), plain, 2)
    assert found.differences == (Difference(1.0, None),)
    assert found.differences[0].css == "up"
    assert changes([found], 1).beyond is None
    nothing = beside(table([at(0, "a", 1.0), at(1, "b", 2.0)]), plain, 2)
    assert (changes(nothing, 1).shared, changes(nothing, 1).most, changes(nothing, 1).median) == (0, None, None)
