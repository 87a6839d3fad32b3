from frontend.tables.grid import counts, fingerprint, grid
from tests.frontend.examples import blocks, row, table
from tests.frontend.pairs import pair
from tests.frontend.pairs import table as table_of_pairs


def test_roles_are_lines_and_blocks_are_columns() -> None:
    found = grid(blocks(), "steepness")
    assert found.depths == [0, 1, 2]
    assert [look.role for look, _ in found.lines] == ["q", "k"]
    texts = [[cell.text + cell.mark if cell else "" for cell in cells] for _, cells in found.lines]
    assert texts == [["2.5", "3.0", "7.0▲"], ["4.0", "1.0▼", "6.0"]]
    assert [cell.weight for cell in found.others] == ["embed"]  # the other has no value
    assert not found.dense


def test_several_weights_in_one_place_show_the_median_and_open_the_furthest() -> None:
    values = (3.0, 3.2, 9.0)
    found = grid(table([row(f"expert.{i}", "up", 0, steepness=v) for i, v in enumerate(values)]), "steepness")
    cell = found.lines[0][1][0]
    assert cell is not None
    assert (cell.text, cell.mark, cell.weight) == ("3.2", "▲", "expert.2")
    assert cell.title.startswith("3 weights, β 3.00 to 9.00; furthest:")


def test_a_gap_stays_a_gap() -> None:
    found = grid(table([row("a", "q", 0, steepness=3.0), row("b", "k", 2, steepness=3.0)]), "steepness")
    assert found.depths == [0, 2]
    assert [[cell is None for cell in cells] for _, cells in found.lines] == [[False, True], [True, False]]


def test_nan_and_what_has_no_value_are_marked_and_told() -> None:
    nan = "b: 1 of 32 values are NaN or infinite"
    rows = [row("a", "q", 0, steepness=3.0), row("b", "q", 1, note=nan), row("c", "q", 2, note="too few")]
    experts = [row("d.0", "up", 0, steepness=3.0), row("d.1", "up", 0, note=nan.replace("b", "d.1"))]
    found = grid(table([*rows, *experts, row("e", depth=None, note=nan), row("f", depth=None)]), "steepness")
    shown = [[cell and (cell.weight, cell.css, cell.text, cell.mark) for cell in line] for _, line in found.lines]
    assert shown[0][1:] == [("b", "a-nan", "NaN", "✕"), ("c", "a-none", "–", "")]
    assert shown[1] == [("d.1", "a-nan", "NaN", "✕"), None, None]
    (first, *_), (cell, *_) = (line for _, line in found.lines)
    assert first is not None
    assert cell is not None
    assert cell.title.endswith(": 1 of 32 values are NaN or infinite")
    assert cell.title.count("d.1") <= 1
    assert [one.weight for one in found.others] == ["e"]
    assert found.blanks == [("a-nan", "✕", "NaN or infinity"), ("a-none", "–", "no value")]
    assert grid(table(rows[:1]), "steepness").blanks == []


def test_counts_tell_where_nothing_could_be_counted() -> None:
    rows = [pair("layers.0.q", 1), pair("layers.1.q", 1, depth=1, note="tuned: 1 of 32 values are NaN or infinite")]
    found = counts(table_of_pairs(rows), "strangers", 1)
    ((_, (there, broken)),) = found.lines
    assert there is not None
    assert broken is not None
    assert (there.blank, broken.css, broken.text) == (None, "a-nan", "NaN")
    assert broken.title.endswith("tuned: 1 of 32 values are NaN or infinite")
    assert [words for _, _, words in found.blanks] == ["NaN or infinity"]


def test_names_outside_the_blocks_lose_what_they_share_where_they_are_long() -> None:
    names = [f"network.backbone_of_all_features_{i}.projection.weight" for i in (1, 2)]
    found = grid(table([row(name, "other", None, steepness=3.0) for name in names]), "steepness")
    assert len({label for label, _ in found.chips}) == 2
    assert max(len(label) for label, _ in found.chips) < 24
    assert all(cell.label in cell.title for _, cell in found.chips)
    few = grid(table([row("fc_1.weight", "other", None, steepness=3.0)]), "steepness")
    assert [label for label, _ in few.chips] == [cell.label for cell in few.others]


def test_many_blocks_are_dense() -> None:
    assert grid(table([row(str(i), "q", i, steepness=3.0) for i in range(40)]), "steepness").dense


def test_a_fingerprint_has_a_box_for_each_cell() -> None:
    found = fingerprint(blocks(), "steepness")
    assert found is not None
    assert sum(path.count("M") for _, path in found.paths) == 6
    assert {css for css, _ in found.paths} >= {"a-lo", "a-hi"}
    assert found.words == "2 cells out of range"
    assert fingerprint(table([row("a", depth=None, steepness=1.0)]), "steepness") is None


def test_counts_are_summed_where_weights_share_a_place() -> None:
    rows = [pair("layers.0.q.1", 1), pair("layers.0.q.2", 1, (0.1, 0.1, 0.1, 0.1)), pair("embed", 1, depth=None)]
    found = counts(table_of_pairs([*rows, pair("layers.2.k", 2, (0.9, 0.9, 0.9), role="k", depth=2)]), "strangers", 1)
    assert (found.total, found.depths, [look.role for look, _ in found.lines]) == (7, [0, 2], ["q", "k"])
    (first, absent), (other, _) = (cells for _, cells in found.lines)
    assert first is not None
    assert (first.key, first.weight, first.number, first.css, first.text) == ("q.0", "layers.0.q.2", 5, "q-5", "5")
    assert (absent, other) == (None, None)
    assert [(one.key, one.number) for one in found.others] == [("embed", 2)]
    none = counts(table_of_pairs([pair("layers.0.q", 1, (0.9, 0.9, 0.9))]), "strangers", 1).lines[0][1][0]
    assert none is not None
    assert (none.text, none.css) == ("·", "q-0")
