"""The tables of one checkpoint, made once."""

from analysis.report import summaries_of
from app.pages.views.one_checkpoint import OneCheckpoint
from tests.app.pages.views.made import COVERED
from tests.frontend.examples import row, table


def test_only_its_own_rows_in_the_networks_order() -> None:
    names = ["layers.10.q", "layers.2.q", "layers.1.q"]
    whole = table([row(name, position=position, steepness=3.0) for name in names for position in (0, 1)])
    one = OneCheckpoint([whole], COVERED, 1)
    assert [(r.weight.name, r.group) for r in one.tables[0].rows] == [(name, (1,)) for name in reversed(names)]
    assert one.places["steepness"].table is one.tables[0]


def test_the_summaries_are_those_of_the_report() -> None:
    whole = table([row("layers.0.q", steepness=9.0), row("layers.1.q", steepness=3.0)])
    one = OneCheckpoint([whole], COVERED, 0)
    assert one.summaries == summaries_of([whole], COVERED)
    assert one.own_summaries["steepness"] == whole.diagnostic.summarise(whole)
