from app.pages.views.cells import CellsView, counted_column
from app.pages.views.state import ShownColumns, State
from tests.frontend.examples import blocks
from tests.frontend.pairs import both, pair, table


def view(**shown: object) -> CellsView:
    found = both()
    return CellsView([found], State(5, ShownColumns.model_validate(shown)), counted_column([found]))


def test_what_a_figure_of_directions_counts_is_its_maps_column() -> None:
    found = counted_column([blocks(), both()])
    assert found is not None
    assert found.column.name == "strangers"
    assert counted_column([blocks()]) is None  # a map, and no directions


def test_counts_first_and_any_other_column_if_asked() -> None:
    assert view().counting
    assert [of.counts.total for of in view().cells if of.counts] == [5, 0]
    other = view(color="change")
    assert not other.counting
    assert [of.heading.name for of in other.cells if of.grid] == ["LoRA r = 1", "full"]
    assert view(color="nonsense").counting


def test_grids_of_one_column_share_their_scale() -> None:
    first, second = (of.grid for of in view(color="change").cells)
    assert first is not None
    assert second is not None
    assert first.legend == second.legend
    css = [cell.css for grid in (first, second) for _, line in grid.lines for cell in line if cell]
    assert css == ["q-0", "q-0", "q-5", "q-5"]  # 0.1 in one, 0.2 in the other


def test_pictures_for_each_group() -> None:
    assert view().pictures == []
    found = view(view="depth", color="change")
    assert [(heading.name, one.url) for heading, one in found.pictures] == [
        ("LoRA r = 1", "/api/v1/runs/5/figures/strangers/change.depth?group=0%2C1"),
        ("full", "/api/v1/runs/5/figures/strangers/change.depth?group=0%2C2"),
    ]
    assert [tab.title for tab in found.tabs if tab.current] == ["By depth"]
    assert [look.role for look in found.roles] == ["q", "k"]


def test_many_blocks_stand_one_below_the_other() -> None:
    assert view().grid_columns == 2  # two tuned checkpoints
    three = table([pair("layers.0.q", tuned) for tuned in (1, 2, 3)])
    assert CellsView([three], State(5, ShownColumns()), counted_column([three])).grid_columns == 3
    for blocks_, beside in ((13, 2), (30, 1)):
        found = table([pair(f"layers.{depth}.q", 1, depth=depth) for depth in range(blocks_)])
        assert CellsView([found], State(5, ShownColumns()), counted_column([found])).grid_columns == beside
