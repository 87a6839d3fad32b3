"""The numbers of a pair by hand; against numpy and the golden pairs they are in diagnostics/test_update.py."""

import pytest
import torch

from analysis.diagnostics.update.numbers import drift, entries, shares, sizes, tails, turns
from tests.analysis.diagnostics.battery import changed, low_rank, randn, weight

BASE = weight(torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0])))


def test_sizes() -> None:
    """ΔW = diag(2, 1, 0, 0): σ = 2 and 1, so the shares are 2/3 and 1/3."""
    tuned = changed(BASE, BASE.slices + torch.diag(torch.tensor([2.0, 1.0, 0.0, 0.0])))
    assert sizes(BASE, tuned) == pytest.approx(
        {
            "norm": 5.0**0.5,
            "rank": 2,
            "available_rank": None,
            "effective_rank": 3.0 / 2.0 ** (2.0 / 3.0),
            "stable_rank": 1.25,
            "relative_norm": (5.0 / 30.0) ** 0.5,
            "spectral_ratio": 0.5,
        }
    )


def test_shares() -> None:
    """ΔW = diag(2, 0, 0, 1) beside the base's two leading directions; its own amplify 2/4 and 1/1 of them."""
    tuned = changed(BASE, BASE.slices + torch.diag(torch.tensor([2.0, 0.0, 0.0, 1.0])))
    assert shares(BASE, tuned, 2) == pytest.approx(
        {
            "share_in_base": 0.8,
            "share_chance": 0.5,
            "share_left": 0.8,
            "share_right": 0.8,
            "share_both": 0.8,
            "amplification": (5.0 / 17.0) ** 0.5,
        }
    )
    assert shares(BASE, changed(BASE, BASE.slices), 2) == {}


def test_entries() -> None:
    tuned = changed(BASE, BASE.slices + torch.tensor([[0.0, 0.0, 0.0, 2.0], *[[0.0] * 4] * 3]))
    found = entries(BASE, tuned)
    assert found["unchanged"] == 15 / 16
    assert found["cosine"] == pytest.approx(30.0 / (30.0 * 34.0) ** 0.5)
    assert found["rounding"] == pytest.approx(2.0 / (2**-25 * 30.0**0.5))
    assert found["stored_as"] == "float32"
    adapter = entries(BASE, low_rank(BASE, torch.ones(4, 1), torch.ones(1, 4)))
    assert (adapter["rounding"], adapter["stored_as"]) == (None, "factors")


def test_entries_are_compared_in_the_type_of_the_tuned() -> None:
    """1 + 2^-9 has no place in bfloat16: a tuned 1.0 may be all that is left of it."""
    base = weight(torch.tensor([[1.0 + 2.0**-9, 1.0]]))
    assert entries(base, changed(base, torch.ones(1, 2, dtype=torch.bfloat16)))["unchanged"] == 1.0
    assert entries(base, changed(base, torch.ones(1, 2)))["unchanged"] == 0.5
    stored = weight(torch.ones(1, 2, dtype=torch.bfloat16))
    assert entries(stored, changed(stored, base.slices))["unchanged"] == 0.5


def test_tails_need_a_fit_on_both_sides() -> None:
    assert tails(BASE, changed(BASE, BASE.slices * 2)) == {}
    base = weight(randn(30, 20))
    flat = tails(base, changed(base, torch.eye(30, 20)))
    assert flat.keys() == {"alpha_base"}
    whole = tails(base, changed(base, base.slices * 2))
    assert whole["alpha_shift"] == pytest.approx(0.0, abs=1e-9)
    assert isinstance(whole["alpha_shift_error"], float)


def test_drift_of_a_zero_base() -> None:
    zero, tuned = weight(torch.zeros(4, 4)), BASE
    found = drift(zero, tuned)
    assert found["delta_sigma"] == 2.5
    assert (found["rank_shift"], found["spectrum_distance"]) == (None, None)
    assert set(turns(zero.triplets, tuned.triplets).values()) == {None}
