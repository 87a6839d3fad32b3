from collections.abc import Sequence

from app.models import Checkpoint, Run
from app.pages.reports.beside_view import PATH, BesideQuery, BesideView, address, middle, signed
from app.runs.beside import Beside, Ref
from tests.frontend.examples import DIAGNOSTIC, row, table


def view(facts: Sequence[dict[str, int]] = ({"step": 1}, {"step": 2}), **asked: str) -> BesideView:
    rows = [row("a", "q", 0, place, steepness=3.0 + place, doubt=0.1) for place in (0, 1)]
    merged = table(rows)
    merged = type(merged)(merged.diagnostic, merged.rows, ("one", "two"))
    runs = tuple(Run(id=number, created_at=0.0, finished_at=None) for number in (4, 7))
    checkpoints = tuple(Checkpoint(id=at, facts=each, stated={}) for at, each in enumerate(facts, 1))
    found = Beside((Ref(4), Ref(7, 1)), runs, checkpoints, (merged,))
    return BesideView(found, BesideQuery(of="4,7.1", **asked), {}, 0.0)


def test_each_report_leads_to_itself_and_to_the_page_without_it() -> None:
    first, second = view().reports
    assert (first.url, first.without, first.first) == ("/runs/4", f"{PATH}?of=7.1", "")
    assert (second.url, second.first) == ("/runs/7?position=1", f"{PATH}?of=7.1,4")
    assert second.values[0] == ("4.00", "+1.00")


def test_what_changed_is_said_in_words() -> None:
    ((look, text),) = view().changed
    assert look.name == "two"
    assert "larger in 1 and smaller in 0 of 1 layer, in 1 by more than two standard errors." in text
    assert "Median difference +1.00." in text


def test_the_layer_with_the_largest_difference_is_drawn() -> None:
    assert view().weight == "a"
    assert view().figure == "/api/v1/side-by-side/spectra?of=4,7.1&weight=a"
    assert view(q="nothing").rows == []


def test_addresses_and_signs() -> None:
    assert address(BesideQuery(of="1,2"), q="a b") == f"{PATH}?of=1,2&q=a+b"
    assert signed(-1.0) == "−1.00"
    assert middle(table([]), DIAGNOSTIC.column("steepness"), 0) is None


def test_only_steps_of_one_training_are_joined() -> None:
    over = view().over_steps
    assert over is not None
    assert (over.along, [text for _, text in over.x_ticks]) == ("training step", ["1", "2"])
    assert view().lineup is None
    apart = view(facts=({"step": 1, "rank": 8}, {"step": 2, "rank": 16}))
    assert apart.over_steps is None
    assert apart.lineup is not None
    assert [entry.name for entry in apart.lineup.entries] == ["one", "two"]
