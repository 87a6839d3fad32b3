"""The volume-preserving tail by hand, against WeightWatcher's loop, and live."""

import contextlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.diagnostic import Measurement, Row, Scalar, Severity, Summary, Table
from analysis.diagnostics.erg import ERG, reading, volume_preserving
from tests.analysis.diagnostics.battery import blocks, measured, randn, summary, weight, weightwatcher


def test_weightwatchers_own_example() -> None:
    """90 zeros and ten ones: eleven, the one that broke the product included; its test says (11, 89) unscaled."""
    assert volume_preserving(np.concatenate([np.zeros(90), np.ones(10)])) == 11


def test_by_hand() -> None:
    """Mean 2: 6/2 = 3, · 1/2 = 1.5, · 0.5/2 < 1, so three."""
    assert volume_preserving(np.array([0.5, 0.5, 1.0, 6.0])) == 3
    assert volume_preserving(np.array([1.0, 3.0])) == 2
    assert volume_preserving(np.array([2.0])) == 0
    assert volume_preserving(np.full(9, 2.0)) == 0


@settings(max_examples=60, deadline=None)
@given(size=st.integers(2, 120), seed=st.integers(0, 10**6), spread=st.floats(0.1, 3.0))
def test_equal_to_weightwatchers_loop(size: int, seed: int, spread: float) -> None:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from weightwatcher import RMT_Util
    eigenvalues = np.sort(np.exp(spread * np.random.default_rng(seed).standard_normal(size)))
    expected, _ = RMT_Util.detX_constraint(eigenvalues)
    assert volume_preserving(eigenvalues) == expected


def test_no_product_overflows() -> None:
    """Two thousand eigenvalues four times the mean: their product is 10^1200."""
    eigenvalues = np.sort(np.concatenate([np.full(2000, 4.0), np.full(6000, 1e-3)]))
    assert 2000 < volume_preserving(eigenvalues) < 8000
    assert volume_preserving(eigenvalues) == volume_preserving(eigenvalues * 1e250)


@pytest.mark.parametrize(
    ("alpha", "sigma", "gap", "said"),
    [
        (2.1, 0.05, 0.01, "ideal"),
        (2.1, 0.05, 0.3, "near 2 with another tail"),
        (2.4, 0.3, 0.0, "ideal"),
        (2.6, 0.4, 0.0, "tail too short"),  # however weak the fit
        (3.9, 1.1, 0.0, "tail too short"),
        (1.5, 0.05, 0.0, "over-correlated"),
        (4.0, 0.3, 0.4, "tail too short"),
        (4.0, 0.3, 0.0, "tail too short"),
        (4.0, 0.3, -0.2, "tail too long"),
    ],
)
def test_readings(alpha: float, sigma: float, gap: float, said: str) -> None:
    assert reading(alpha, sigma, gap) == said


def test_the_columns_belong_together() -> None:
    values = measured(ERG, randn(120, 90)).values
    tail, power = values["detX_num"], values["num_pl_spikes"]
    assert isinstance(tail, int)
    assert isinstance(power, int)
    assert values["ERG_gap"] == tail - power
    assert values["ERG_gap_share"] == pytest.approx((tail - power) / 90)
    eigenvalues = weight(randn(120, 90)).spectrum.eigenvalues
    assert values["detX_val"] == pytest.approx(float(eigenvalues[-tail]), rel=1e-12)
    assert values["detX_val_rescaled"] == pytest.approx(float(eigenvalues[-tail] / eigenvalues.mean()), rel=1e-12)


def test_no_scale_changes_a_reading() -> None:
    one, other = (measured(ERG, randn(60, 40) * scale).values for scale in (1.0, 1e-25))
    for column in ("detX_num", "ERG_gap", "reading"):
        assert one[column] == other[column]
    assert one["detX_val_rescaled"] == pytest.approx(other["detX_val_rescaled"], rel=1e-5)


def test_equal_eigenvalues_have_no_tail() -> None:
    found = measured(ERG, torch.diag(torch.ones(20)))
    assert found.values["detX_num"] is None
    assert found.note


def test_what_is_said_of_a_model() -> None:
    u, v = (torch.linalg.qr(randn(300, 300, seed=seed)).Q for seed in (1, 2))
    k = torch.arange(1.0, 301.0)
    heavy, ideal = (u @ torch.diag(k**-power) @ v.T for power in (1.5, 0.5))  # α = 1 + 1 / (2 power): 1.33 and 2
    said = summary(ERG, blocks([heavy, ideal, randn(40, 40)]))
    texts = [finding.text for finding in said.findings]
    assert "MLP up projection (up_proj) of block 0 is over-correlated by SETOL" in texts
    assert {finding.severity for finding in said.findings} == {Severity.NOTE}
    assert said.numbers["over_correlated"] == 1
    assert said.headline.startswith(f"{said.numbers['ideal']} of 3 matrices at SETOL's ideal point.")


def test_weak_evidence_is_not_counted_as_ideal() -> None:
    firm, weak = ({"reading": "ideal", "low_confidence": low, "alpha": 2.1, "sigma": 0.1} for low in (False, True))
    common = {"ERG_gap": 1, "ERG_gap_share": 0.01, "num_pl_spikes": 30}

    def said(*rows: Mapping[str, Scalar]) -> Summary:
        info = weight(randn(4, 3)).info
        return ERG.summarise(Table(ERG, tuple(Row(info, (0,), Measurement({**common, **row})) for row in rows)))

    both = said(firm, weak, weak)
    assert (both.numbers["ideal"], both.numbers["ideal_on_weak_evidence"]) == (1, 2)
    assert both.headline.startswith("1 of 3 matrices at SETOL's ideal point. 2 more look so, on too few eigenvalues")
    assert both.findings[0].text == "1 matrix is at SETOL's ideal point"
    assert "2 more look so" in both.findings[0].why
    alone = said(weak)
    assert alone.headline.startswith("0 of 1 matrix at SETOL's ideal point. 1 more looks so")
    assert alone.findings == ()


def test_equal_to_weightwatcher_live(minilm: Path) -> None:
    for name, (given_, peer) in weightwatcher(minilm, detX=True).items():
        values = measured(ERG, given_, compat="weightwatcher").values
        for column in ("detX_num", "ERG_gap", "num_pl_spikes"):
            assert values[column] == peer[column], (name, column)
        assert values["detX_num"] == peer["num_ERG_spikes"], name
        assert values["detX_val"] == pytest.approx(peer["detX_val"], rel=1e-9), name
        assert values["detX_val_rescaled"] == pytest.approx(peer["detX_val_unrescaled"], rel=1e-9), name
        assert values["alpha"] == pytest.approx(peer["alpha"], rel=1e-6), name
