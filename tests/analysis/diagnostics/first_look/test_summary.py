"""A first look in words."""

from analysis.diagnostic import Measurement, Row, Table
from analysis.diagnostics.first_look.diagnostic import FIRST_LOOK
from analysis.diagnostics.first_look.summary import summarise
from analysis.weight import WeightInfo


def table(*looks: str) -> Table:
    rows = [
        Row(
            WeightInfo(f"w{i}", f"w{i}", 8, 8, 1, "q", i),
            (0,),
            Measurement({"squared_norm": 1.0, "look": look, "alpha_windows": 2.0, "stable_rank_high": 3.0}),
        )
        for i, look in enumerate(looks)
    ]
    return Table(FIRST_LOOK, tuple(rows))


def test_it_says_how_many_were_estimated() -> None:
    found = summarise(table("first", "exact"))
    assert found.headline == "A first look at 2 matrices, 1 of them estimated. The median α of their windows is 2.0."
    assert found.numbers["first"] == 1


def test_small_ones_are_said_to_be_decomposed() -> None:
    assert "all decomposed" in summarise(table("exact")).headline
    assert summarise(table()).headline == "No matrix could be measured."
