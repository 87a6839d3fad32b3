"""The experiment's numbers as Markdown."""

from pathlib import Path

from analysis.width_scaling.law import Estimate
from examples.widths.measure import by_rule, measure
from examples.widths.report import estimate, report
from tests.examples.widths.made import write


def test_every_kind_stands_beside_the_law(tmp_path: Path) -> None:
    results = write(tmp_path)
    found = report(by_rule(list(results), tmp_path), measure(list(results), tmp_path), results)
    assert "| the law | **0.00** | **0.25** | **−0.25** |" in found
    assert "| query | 0.00 (0.00 to 0.00) | 0.25 (0.25 to 0.25) | −0.25 (−0.25 to −0.25) |" in found
    assert "| all matrices | 0.75 (0.75 to 0.75) | 0.50 (0.50 to 0.50) |" in found
    assert "| λ constant, 64 → 128 | × 1.19 | × 1.19 | 7.8 |" in found
    assert "| λ ∝ d, seed 0 | 1.016 | 1.010 | 1.008 |" in found


def test_an_estimate_has_its_widest_interval() -> None:
    assert estimate(Estimate(0.8, 0.7, 0.9, 0.1, (0.6, 0.85))) == "0.80 (0.60 to 0.90)"
    assert estimate(Estimate(-0.25)) == "−0.25"
    assert estimate(None) == "–"
