from app.pages.views.cells import counted_column
from app.pages.views.matrix import MatrixView
from app.pages.views.state import ShownColumns, State
from tests.frontend.pairs import both, pair, table


def view(**shown: object) -> MatrixView:
    found = both()
    return MatrixView([found], State(5, ShownColumns.model_validate(shown)), counted_column([found]))


def test_the_most_is_looked_at_first_and_else_what_was_asked_for() -> None:
    assert (view().weight, view().position) == ("layers.1.k", 1)  # three strangers
    assert (view(position=2).weight, view(position=2).position) == ("layers.0.q", 2)
    assert (view(weight="layers.0.q").weight, view(weight="nonsense").weight) == ("layers.0.q", "layers.1.k")
    assert view().totals == {1: 5, 2: 0}
    assert view().choices == [("layers.0.q", "Block 0 · query"), ("layers.1.k", "Block 1 · key")]
    assert [(one.look.name, one.current) for one in view().segments] == [("LoRA r = 1", True), ("full", False)]


def test_the_sentence_is_that_of_the_run() -> None:
    assert view().sentence == "3 of the 3 strongest directions of Block 1 · key are intruders after LoRA r = 1."
    assert view(position=2).sentence == "No intruder among the 3 strongest directions of Block 0 · query after full."
    found = table([pair("layers.0.q", 1), pair("layers.1.k", 1, note="all zeros", depth=1)])
    lacking = MatrixView([found], State(5, ShownColumns(weight="layers.1.k")), counted_column([found]))
    assert lacking.sentence == "all zeros"


def test_sliders_stand_where_the_run_stood_or_the_address_says() -> None:
    found = view().sliders
    assert found is not None
    assert (found.k, found.epsilon, found.run_k, found.run_epsilon) == (3, 0.5, 3, 0.5)
    assert found.curves == "/api/v1/runs/5/curves/strangers/best"
    moved = view(k=2, epsilon=0.0).sliders
    assert moved is not None
    assert (moved.k, moved.epsilon, moved.run_k) == (2, 0.0, 3)
    none = table([pair("w", 1, note="all zeros")])
    assert MatrixView([none], State(5, ShownColumns()), counted_column([none])).sliders is None


def test_a_small_matrix_does_not_lower_k_for_all() -> None:
    found = table([pair("a", 1, (0.9,), k=1), pair("b", 1, k=4)])
    sliders = MatrixView([found], State(5, ShownColumns()), counted_column([found])).sliders
    assert sliders is not None
    assert sliders.run_k == 4


def test_its_figures_and_all_its_numbers() -> None:
    found = view(weight="layers.0.q", position=2)
    assert found.match is not None
    assert found.match.url == "/api/v1/runs/5/figures/strangers/match?weight=layers.0.q&position=2"
    assert [one.kind for one in found.overlaid] == ["ranks", "spectra"]
    (part,) = found.everything
    assert [heading.name for heading in part.headings] == ["LoRA r = 1", "full"]
    lines = {column.name: values for column, _, values in part.lines}
    assert lines["change"] == ["0.1000", "0.2000"]
    assert "likeness" not in lines
