"""Metrics: everything that a rule can be about, out of the registry."""

from analysis.diagnostic import Table
from analysis.diagnostics import DIAGNOSTICS
from analysis.gate.metrics import COVERAGE, columns, summaries, weak_flagged


def test_every_scalar_column_is_one_and_no_curve() -> None:
    declared = {f"{d.name}.{c.name}": c.kind for d in DIAGNOSTICS for c in d.columns}
    assert set(columns()) == {key for key, kind in declared.items() if kind != "curve"}
    assert columns()["esd.alpha"].healthy == (2.0, 6.0)
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
