"""Updates against numpy, closed forms, the golden pairs, and the other diagnostics."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analysis.diagnostics.esd.diagnostic import ESD
from analysis.diagnostics.norms import NORMS
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.linalg.triplets import Triplets, triplets
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import blocks, changed, compared, comparison, low_rank, measured, randn, weight

GOLDEN = Path(__file__).parents[3] / "golden"
ARRAYS = {**np.load(GOLDEN / "golden.npz"), **np.load(GOLDEN / "pairs.npz")}
PAIRS = list(json.loads((GOLDEN / "pairs.json").read_text()))


def number(found: object) -> float:
    assert isinstance(found, int | float)
    return float(found)


def pair(name: str) -> tuple[Weight, np.ndarray]:
    """The tuned weight of a golden pair, with the factors of a LoRA, and ΔW in float64."""
    base = weight(torch.from_numpy(ARRAYS[name.rpartition("_")[0]]))
    if name.endswith("_dense"):
        tuned = changed(base, base.slices[0] + torch.from_numpy(ARRAYS[name]))
        return tuned, tuned.slices[0].double().numpy() - base.slices[0].double().numpy()
    left, right = (torch.from_numpy(ARRAYS[f"{name}.{factor}"]) for factor in "BA")
    return low_rank(base, left, right), left.double().numpy() @ right.double().numpy()


@pytest.mark.parametrize("name", PAIRS)
def test_golden_pairs_are_what_numpy_says(name: str) -> None:
    tuned, delta = pair(name)
    assert tuned.base is not None
    before, after = tuned.base.slices[0].double().numpy(), tuned.slices[0].double().numpy()
    found = compared(UPDATE, tuned, directions=16)
    values = {column: value for column, value in found.values.items() if isinstance(value, int | float)}
    u, s0, vt = np.linalg.svd(before, full_matrices=False)
    a, s, bt = np.linalg.svd(delta, full_matrices=False)
    share = s[s > 1e-10 * s[0]] / s.sum()
    whole = np.linalg.norm(delta)
    r = min(16, len(share))
    expected = {
        "norm": whole,
        "relative_norm": whole / np.linalg.norm(before),
        "spectral_ratio": s[0] / s0[0],
        "effective_rank": np.exp(-(share * np.log(share)).sum()),
        "stable_rank": (whole / s[0]) ** 2,
        "share_left": np.linalg.norm(u[:, :16].T @ delta) ** 2 / whole**2,
        "share_right": np.linalg.norm(delta @ vt[:16].T) ** 2 / whole**2,
        "share_both": np.linalg.norm(u[:, :16].T @ delta @ vt[:16].T) ** 2 / whole**2,
        "share_chance": (16 / before.shape[0] + 16 / before.shape[1]) / 2,
        "amplification": np.linalg.norm(s[:r]) / np.linalg.norm(a[:, :r].T @ before @ bt[:r].T),
        "cosine": (before * after).sum() / np.linalg.norm(before) / np.linalg.norm(after),
        "unchanged": (before == after).mean(),
        "delta_sigma": np.abs(np.linalg.svd(after, compute_uv=False) - s0).mean(),
        "spectrum_distance": np.linalg.norm(np.linalg.svd(after, compute_uv=False) - s0) / np.linalg.norm(s0),
    }
    assert {column: values[column] for column in expected} == pytest.approx(expected, rel=1e-5)
    assert values["share_in_base"] == pytest.approx((values["share_left"] + values["share_right"]) / 2)
    assert values["rank"] == len(share)
    assert found.values["available_rank"] == (None if name.endswith("_dense") else len(share))
    assert found.values["stored_as"] == ("float32" if name.endswith("_dense") else "factors")
    np.testing.assert_allclose(found.curves["update_singular_values"], s[: len(share)], rtol=1e-4)
    np.testing.assert_allclose(found.curves["base_singular_values"], s0, rtol=1e-5)
    assert bool((np.diff(found.curves["tuned_singular_values"]) <= 0.0).all())


@pytest.mark.parametrize("name", ["gauss_square_lora4", "power_spectrum_lora8"])
def test_factors_say_what_the_merged_matrix_says(name: str) -> None:
    """To the rounding of float32: the merged one has the same rank, above that rounding."""
    tuned, _ = pair(name)
    assert tuned.base is not None
    exact, merged = compared(UPDATE, tuned).values, compared(UPDATE, changed(tuned.base, tuned.slices)).values
    assert merged["available_rank"] is None
    for column in ("norm", "rank", "stable_rank", "share_in_base", "alpha_tuned", "delta_direction", "cosine"):
        assert merged[column] == pytest.approx(exact[column], rel=1e-4), column


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_the_rank_of_a_merged_adapter_outlives_the_rounding(dtype: torch.dtype, spread: float) -> None:
    base = weight((randn(200, 150) * torch.exp(spread * randn(200, 1, seed=5))).to(dtype))
    update = 0.05 * randn(200, 3, seed=1) @ randn(3, 150, seed=2)
    found = compared(UPDATE, changed(base, (base.slices[0].double() + update).to(dtype))).values
    assert found["rank"] == 3
    assert found["stored_as"] == str(dtype).removeprefix("torch.")


def test_rounding_alone_has_no_rank_and_says_so() -> None:
    base = weight(randn(200, 150))
    found = compared(UPDATE, changed(base, base.slices.to(torch.bfloat16))).values
    assert found["rank"] == 0
    assert number(found["rounding"]) == pytest.approx(0.85, abs=0.03)
    assert number(found["unchanged"]) == 1.0  # as far as bfloat16 could hold them
    assert number(found["effective_rank"]) > 100.0


def test_steps_too_small_for_half_precision_vanish() -> None:
    base = weight(randn(200, 150).to(torch.bfloat16))
    tuned = (base.slices.double() * (1.0 + 2e-3 * randn(1, 200, 150, seed=1))).to(torch.bfloat16)
    table, summary = comparison(UPDATE, [[changed(base, tuned)]], "MiniLM", "full")
    (row,) = table.rows
    assert number(row.value("unchanged")) > 0.6
    assert number(row.value("rounding")) < 3.0
    assert "hardly larger than the rounding of bfloat16" in summary.findings[0].text
    kept = low_rank(base, 1e-4 * randn(200, 2), randn(2, 150))
    assert compared(UPDATE, Weight(base.info, kept.slices.float(), base, kept.factors)).values["rounding"] is None


def test_the_columns_of_the_tail_and_the_ranks_are_those_of_their_diagnostics() -> None:
    tuned, _ = pair("student_t_lora4")
    assert tuned.base is not None
    found = compared(UPDATE, tuned).values
    before, after = (measured(ESD, one).values["alpha"] for one in (tuned.base, tuned))
    assert (found["alpha_base"], found["alpha_tuned"]) == pytest.approx((before, after), rel=1e-9)
    assert number(found["alpha_shift"]) == pytest.approx(number(after) - number(before), abs=1e-8)
    ranks = [number(measured(NORMS, one).values["erank_s"]) for one in (tuned.base, tuned)]
    assert found["rank_shift"] == pytest.approx(ranks[1] - ranks[0], abs=1e-6)


def test_a_scaled_matrix_by_hand() -> None:
    base = weight(randn(40, 30))
    found = compared(UPDATE, changed(base, base.slices * 1.25), directions=5).values
    energy = torch.linalg.svdvals(base.slices[0].double()).square()
    expected = {
        "relative_norm": 0.25, "spectral_ratio": 0.25, "amplification": 0.25, "cosine": 1.0, "delta_direction": 0.0,
        "delta_direction_matched": 0.0, "alpha_shift": 0.0, "rank_shift": 0.0, "spectrum_distance": 0.25,
        "share_in_base": float(energy[:5].sum() / energy.sum()),
    }  # fmt: skip
    assert {column: found[column] for column in expected} == pytest.approx(expected, abs=1e-6)


def test_the_share_in_the_base_is_chance_for_an_update_without_preference() -> None:
    base = weight(randn(120, 60))
    drawn = [compared(UPDATE, changed(base, base.slices + 0.1 * randn(1, 120, 60, seed=k))).values for k in range(1, 9)]
    shares = [number(values["share_in_base"]) for values in drawn]
    assert np.mean(shares) == pytest.approx(number(drawn[0]["share_chance"]), rel=0.02)
    assert drawn[0]["share_chance"] == pytest.approx((60 / 120 + 60 / 60) / 2)


@given(rows=st.integers(1, 24), columns=st.integers(1, 24), rank=st.integers(1, 8), seed=st.integers(0, 10**6))
def test_orders_that_always_hold(rows: int, columns: int, rank: int, seed: int) -> None:
    base = weight(randn(rows, columns, seed=seed))
    tuned = low_rank(base, randn(rows, rank, seed=seed + 1), randn(rank, columns, seed=seed + 2))
    found = compared(UPDATE, tuned).values
    ranks = [number(found[column]) for column in ("stable_rank", "effective_rank", "rank", "available_rank")]
    assert all(low <= high * (1.0 + 1e-9) for low, high in zip([1.0, *ranks], ranks, strict=False))
    assert ranks[-1] == min(rows, columns, rank)
    rounding = 1e-6  # the sum is stored in float32
    assert number(found["spectrum_distance"]) <= number(found["relative_norm"]) + rounding
    assert number(found["share_both"]) <= min(number(found["share_left"]), number(found["share_right"])) + 1e-12
    turned = low_rank(weight(base.slices[0].T), tuned.factors.right.T, tuned.factors.left.T) if tuned.factors else tuned
    other = compared(UPDATE, turned).values
    for column in ("relative_norm", "effective_rank", "share_in_base", "amplification", "delta_direction", "cosine"):
        if found[column] is not None and other[column] is not None:
            assert other[column] == pytest.approx(found[column], rel=1e-5, abs=1e-6), column


def test_an_update_of_zero() -> None:
    base = weight(randn(40, 30))
    found = compared(UPDATE, changed(base, base.slices.clone()))
    assert found.note == "the update is zero: the fine-tuned weight is the base"
    zero = ("norm", "relative_norm", "rank", "effective_rank", "stable_rank", "delta_sigma", "alpha_shift", "rounding")
    assert {found.values[column] for column in zero} == {0}
    assert found.values["delta_direction"] == pytest.approx(0.0, abs=1e-12)
    assert found.values["unchanged"] == 1.0
    assert found.values["cosine"] == pytest.approx(1.0)
    assert {found.values[column] for column in ("share_in_base", "amplification")} == {None}
    assert found.curves["update_singular_values"].size == 0


def test_an_untrained_adapter() -> None:
    base = weight(randn(40, 30))
    found = compared(UPDATE, low_rank(base, torch.zeros(40, 4), randn(4, 30)))
    assert (found.values["rank"], found.values["available_rank"]) == (0, 4)
    assert found.note == "the update is zero: the fine-tuned weight is the base"


def test_a_base_of_zero() -> None:
    base = weight(torch.zeros(40, 30))
    found = compared(UPDATE, changed(base, randn(40, 30)))
    assert found.note == "the base is zero"
    assert number(found.values["norm"]) == pytest.approx(math.sqrt(1200), rel=0.1)
    assert {found.values[column] for column in ("relative_norm", "cosine", "rounding", "rank_shift")} == {None}


def test_a_convolution_is_one_matrix() -> None:
    slices = randn(9, 20, 12)
    base = weight(slices, "conv1.weight", "conv")
    other = slices + 0.1 * randn(9, 20, 12, seed=1)
    found = compared(UPDATE, changed(base, other)).values
    flat = [one.permute(1, 2, 0).reshape(20, 108).double().numpy() for one in (slices, other)]
    s = np.linalg.svd(flat[1] - flat[0], compute_uv=False)
    assert found["spectral_ratio"] == pytest.approx(s[0] / np.linalg.norm(flat[0], 2), rel=1e-6)
    assert found["norm"] == pytest.approx(np.linalg.norm(flat[1] - flat[0]), rel=1e-6)
    assert found["alpha_base"] == measured(ESD, base).values["alpha"]


def test_nan_in_the_tuned_is_a_note() -> None:
    base = weight(randn(6, 5))
    broken = base.slices.clone()
    broken[0, 0, 0] = math.nan
    found = compared(UPDATE, changed(base, broken))
    assert set(found.values.values()) == {None}
    assert found.note is not None
    assert "1 of 30 values are NaN or infinite" in found.note


def test_every_tuned_shares_the_bases_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def counting(matrix: Tensor) -> Triplets:
        seen.append(matrix)
        return triplets(matrix)

    monkeypatch.setattr("analysis.weight.triplets", counting)
    base = blocks([randn(20, 10)])
    tuned = [[changed(base[0], base[0].slices + 0.1 * randn(1, 20, 10, seed=k))] for k in (1, 2, 3)]
    comparison(UPDATE, tuned)
    assert len(seen) == 1 + 3  # the base's and each tuned one's; the updates need no vectors


@pytest.mark.parametrize("shape", [(90, 60), (60, 90)])
def test_without_turns_all_else_is_the_same_and_the_tuned_keeps_its_values_only(shape: tuple[int, int]) -> None:
    base = weight(randn(*shape))
    whole, values = (changed(base, base.matrix + 0.1 * randn(*shape, seed=1)) for _ in range(2))
    expected, found = compared(UPDATE, whole), compared(UPDATE, values, turns="no")
    assert whole.is_decomposed
    assert not values.is_decomposed
    turned = {"delta_direction": None, "delta_direction_matched": None}
    assert found.values == {
        name: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
        for name, value in {**expected.values, **turned}.items()
    }
    for name, curve in found.curves.items():
        assert curve == pytest.approx(expected.curves[name], rel=1e-6), name
