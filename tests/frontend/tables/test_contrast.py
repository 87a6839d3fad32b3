from dataclasses import replace

from analysis.diagnostic import Scalar, Summary, Table
from analysis.diagnostics import diagnostic
from frontend.tables.contrast import CHOSEN, contrast
from tests.frontend.pairs import both

Groups = dict[tuple[int, ...], dict[str, Scalar]]


def named(name: str) -> Table:
    """The rows of the hand-made pairs as another diagnostic's."""
    return replace(both(), diagnostic=replace(both().diagnostic, name=name))


def test_every_chosen_number_is_one_that_its_summary_has() -> None:
    for name, quantities in CHOSEN.items():
        known = diagnostic(name)
        columns = {column.name for column in known.columns}
        counts = {"intruders", "guarded", "matrices", "matrices_with"}
        assert {quantity.name for quantity in quantities} <= columns | counts


def test_quantities_in_lines_with_bars_of_the_largest() -> None:
    numbers: Groups = {
        (0, 1): {"relative_norm": 0.0431, "effective_rank": 7.2, "alpha_shift": -0.04, "share_in_base": 0.2,
                 "share_chance": 0.17},
        (0, 2): {"relative_norm": 0.1432, "effective_rank": None, "alpha_shift": 0.01, "share_in_base": 0.1,
                 "share_chance": 0.16},
    }  # fmt: skip
    found = contrast([named("update")], {"update": Summary("", {}, groups=numbers)})
    assert [heading.name for heading in found.headings] == ["LoRA r = 1", "full"]
    size, rank, inside, shift = found.lines
    assert [entry.text for entry in size.entries] == ["4.3 %", "14 %"]
    assert [round(entry.bar or 0, 2) for entry in size.entries] == [0.30, 1.0]
    assert [entry.text for entry in rank.entries] == ["7.20", "–"]
    assert rank.entries[1].bar is None
    assert [entry.words for entry in inside.entries] == ["17 % would be chance", "16 % would be chance"]
    assert inside.words == ""
    assert [entry.text for entry in shift.entries] == ["−0.04", "+0.01"]
    assert shift.words == "negative: heavier tail than the base"


def test_words_take_a_setting_from_the_columns() -> None:
    numbers: Groups = {(0, i): {"intruders": i, "matrices_with": 1, "matrices": 2} for i in (1, 2)}
    found = contrast([named("intruders")], {"intruders": Summary("", {}, groups=numbers)})
    assert found.lines[0].words == "among the 3 strongest directions of each matrix"
    assert [(line.strong, [e.text for e in line.entries]) for line in found.lines] == [
        (True, ["1", "2"]), (False, ["1", "1"]),
    ]  # fmt: skip


def test_of_an_unknown_diagnostic_the_first_numbers_by_their_columns_titles() -> None:
    table = both()
    found = contrast([table], {"strangers": table.diagnostic.summarise(table)})
    assert [(line.title, [entry.text for entry in line.entries]) for line in found.lines] == [
        ("Strangers", ["5", "0"]), ("Matrices", ["2", "2"]),
    ]  # fmt: skip
    assert contrast([], {}).lines == ()
