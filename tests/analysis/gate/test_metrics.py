"""Metrics: everything that a rule can be about, out of the registry."""

from analysis.diagnostic import Table
from analysis.diagnostics import DIAGNOSTICS
from analysis.gate.metrics import COVERAGE, RENAMED, columns, number_in, summaries, weak_flagged


def test_every_scalar_column_is_one_and_no_curve() -> None:
    declared = {f"{d.name}.{c.name}": c.kind for d in DIAGNOSTICS for c in d.columns}
    assert set(columns()) == {key for key, kind in declared.items() if kind != "curve"}
    assert columns()["esd.alpha"].usual == (2.0, 6.0)
    assert not columns()["esd.warning"].numeric


def test_every_number_of_a_summary_is_one() -> None:
    for each in DIAGNOSTICS:
        for name in each.summarise(Table(each, ())).numbers:
            assert summaries()[f"{each.name}.{name}"].column is None
    assert {f"coverage.{name}" for name in COVERAGE} <= set(summaries())


def test_a_name_may_be_a_column_and_a_number_of_the_summary() -> None:
    """So that a policy must say which of the two it means."""
    assert "esd.low_confidence" in columns()
    assert "esd.low_confidence" in summaries()


def test_weak_fits_are_flagged_by_some() -> None:
    assert weak_flagged("esd")
    assert not weak_flagged("norms")


def test_numbers_of_earlier_reports_are_read_by_their_name_there() -> None:
    metric = summaries()["esd.share_usual"]
    assert number_in({"share_healthy": 0.75}, metric) == number_in({"share_usual": 0.75}, metric) == 0.75
    assert number_in({"share_healthy": 0.5, "share_usual": None}, metric) is None
    assert number_in({}, metric) is None
    assert set(RENAMED.values()) <= set(summaries())
    assert not set(RENAMED) & set(summaries())
