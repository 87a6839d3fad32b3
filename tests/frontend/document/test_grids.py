"""The rows of a report in one file: every column that has a value, and whose rows they are."""

from frontend.document.grids import grids
from tests.frontend import pairs
from tests.frontend.examples import blocks

KEYS = {row.weight.name: str(at) for at, row in enumerate(blocks().rows)}


def test_every_measured_column_is_there_and_no_other() -> None:
    (found,) = grids([blocks()], KEYS)
    assert [column.name for column in found.columns] == ["steepness", "doubt", "count", "weak"]
    assert (found.title, found.parts, found.several) == ("Layers", (("Steepness", 4),), False)
    assert [line.key for line in found.lines] == list(KEYS.values())
    assert found.lines[0].texts == ("2.500", "0.5000", "0", "no")
    assert found.lines[0].shape == "4 × 8"


def test_notes_stand_in_their_row() -> None:
    (found,) = grids([blocks()], KEYS)
    assert found.has_notes
    assert [line.notes for line in found.lines if line.notes] == ["too few"]
    assert found.lines[-1].texts[0] == "–"


def test_rows_of_a_comparison_say_whose_they_are() -> None:
    compared = pairs.table([pairs.pair("a", 1), pairs.pair("a", 2)])
    alone, changed = grids([compared, blocks()], {**KEYS, "a": "x"})
    assert (alone.title, changed.title, changed.several) == ("Layers", "What changed", True)
    assert [(line.key, line.whose) for line in changed.lines] == [("x", "LoRA r = 1"), ("x", "full")]
