"""Steps of one run: growth by hand, and the pace that it takes away."""

from dataclasses import replace

import pytest

from analysis.diagnostic import Severity, Table
from analysis.width_scaling.family import Family, family
from analysis.width_scaling.law import Setting
from analysis.width_scaling.summary import summarise
from analysis.width_scaling.trajectory import Moment, in_words, losing_pace, trajectory
from tests.families import facts, table


def run(*steps: float, rate: float = 0.01) -> Table:
    """A run whose σ₁, and with it every entry, grows as the root of the steps, by 1/λ standing in for it."""
    given = [Setting(16.0, 0.01, 1.0 / step, step) for step in steps]
    stated = [{**facts(setting), "learning_rate": rate, "weight_decay": 0.1} for setting in given]
    return table(given, stated)


def found(given: Table) -> Family:
    one = family(given)
    assert one is not None
    return one


def test_growth_by_hand() -> None:
    """Entries of each little model are drawn alike, so norms grow as σ₁ does: 3-fold over 9 times the steps."""
    moments = trajectory(found(run(900.0, 100.0)))
    assert [(moment.at, moment.step) for moment in moments] == [(1, 100.0), (0, 900.0)]
    assert (moments[0].sigma, moments[0].norm, moments[0].rate) == (1.0, 1.0, 1.0)
    assert moments[1].sigma == pytest.approx(3.0, rel=1e-5)
    assert moments[1].norm == pytest.approx(3.0, rel=1e-5)
    assert moments[1].rate == pytest.approx(1.0 / 3.0, rel=1e-5)


def test_a_family_of_widths_is_none() -> None:
    assert trajectory(found(table([Setting(16.0, 0.01, 1.0, 100.0), Setting(24.0, 0.01, 1.0, 200.0)]))) == []
    assert trajectory(found(table([Setting(16.0, 0.01, 1.0), Setting(16.0, 0.01, 1.0, 200.0)]))) == []
    assert trajectory(found(table([Setting(16.0, 0.01, 1.0, 9.0), Setting(16.0, 0.01, 2.0, 9.0)]))) == []


def test_growing_weights_lose_pace() -> None:
    summary = summarise(run(100.0, 400.0, 900.0))
    assert summary.headline == (
        "From step 100 to 900 σ₁ changes by a factor of 3 and the norm of the matrices by 3; "
        "the effective learning rate η/‖W‖ by a factor of 0.333."
    )
    assert summary.groups[0, 2]["run.norm"] == pytest.approx(3.0, rel=1e-5)
    assert summary.groups[0, 1]["run.rate"] == pytest.approx(0.5, rel=1e-5)
    texts = {finding.text: finding.severity for finding in summary.findings}
    assert texts["Weights grow: at step 900 the same η turns them by 33.3 % of what it did"] is Severity.WARN
    assert not any("law" in text or "width" in text for text in texts)


def test_steady_weights_keep_it() -> None:
    first = Moment(0, 1.0, 1.0, 1.0, 1.0)
    assert list(losing_pace([])) == []
    assert list(losing_pace([first, replace(first, step=9.0, norm=1.9, rate=0.5)])) == []
    assert "learning rate" not in in_words([first, replace(first, rate=None)])
