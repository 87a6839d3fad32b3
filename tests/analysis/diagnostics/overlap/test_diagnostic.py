"""Overlaps of two updates against SciPy, known subspaces, and chance."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from analysis.diagnostic import Measurement, Scalar
from analysis.diagnostics.overlap.diagnostic import OVERLAP
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import changed, compared, low_rank, randn, weight

SYMMETRIC = (
    "left_overlap", "right_overlap", "chance_left", "chance_right", "cosine", "smallest_angle", "largest_angle",
    "chordal_distance", "signature",
)  # fmt: skip


def frame(rows: int, count: int, seed: int) -> Tensor:
    found: Tensor = torch.linalg.qr(randn(rows, count, seed=seed).double()).Q
    return found


def measured(one: Weight, other: Weight, **options: Scalar) -> Measurement:
    return compared(OVERLAP, one, other, **options)


@pytest.mark.parametrize("shape", [(50, 30), (30, 50)])
@pytest.mark.parametrize(("r1", "r2"), [(1, 4), (4, 1), (8, 8), (12, 3)])
def test_equal_to_scipy_on_the_dense_updates(shape: tuple[int, int], r1: int, r2: int) -> None:
    base = weight(randn(*shape).double())
    one = low_rank(base, randn(shape[0], r1, seed=1).double(), randn(r1, shape[1], seed=2).double())
    other = low_rank(base, randn(shape[0], r2, seed=3).double(), randn(r2, shape[1], seed=4).double())
    found = measured(one, other, directions=6)
    updates = [(tuned.slices[0] - base.slices[0]).numpy() for tuned in (one, other)]
    (u1, _, v1), (u2, _, v2) = (np.linalg.svd(update) for update in updates)
    i, j = min(r1, 6), min(r2, 6)
    angles = np.rad2deg(scipy.linalg.subspace_angles(u1[:, :i], u2[:, :j]))[::-1]
    np.testing.assert_allclose(found.curves["left_angles"], angles, rtol=1e-5)
    right = np.rad2deg(scipy.linalg.subspace_angles(v1[:i].T, v2[:j].T))[::-1]
    np.testing.assert_allclose(found.curves["right_angles"], right, rtol=1e-5)
    expected = {
        "left_overlap": np.linalg.norm(u1[:, :i].T @ u2[:, :j]) ** 2 / min(i, j),
        "right_overlap": np.linalg.norm(v1[:i] @ v2[:j].T) ** 2 / min(i, j),
        "chance_left": max(i, j) / shape[0],
        "chance_right": max(i, j) / shape[1],
        "cosine": (updates[0] * updates[1]).sum() / math.prod(np.linalg.norm(update) for update in updates),
        "smallest_angle": angles[0],
        "largest_angle": angles[-1],
        "chordal_distance": np.linalg.norm(np.sin(np.deg2rad(angles))),
        "first_directions": i,
        "second_directions": j,
    }
    assert {column: found.values[column] for column in expected} == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("r1", "r2"), [(2, 5), (5, 2), (3, 3)])
def test_factors_say_what_the_formed_updates_say(r1: int, r2: int) -> None:
    base = weight(randn(40, 30).double())
    pair = [
        low_rank(base, randn(40, r, seed=r).double(), randn(r, 30, seed=r + 9).double() + 0.1) for r in (r1, r2 + 20)
    ]
    pair[1] = low_rank(base, randn(40, r2, seed=7).double(), randn(r2, 30, seed=8).double())
    formed = [changed(base, tuned.slices) for tuned in pair]
    thin, mixed, dense = (measured(*ones).values for ones in (pair, (pair[0], formed[1]), formed))
    assert mixed == pytest.approx(thin, rel=1e-7, abs=1e-9)
    assert dense == pytest.approx(thin, rel=1e-7, abs=1e-9)


@given(rows=st.integers(1, 20), columns=st.integers(1, 20), ranks=st.tuples(st.integers(1, 6), st.integers(1, 6)))
def test_what_is_symmetric_is_symmetric(rows: int, columns: int, ranks: tuple[int, int]) -> None:
    base = weight(randn(rows, columns).double())
    one, other = (
        low_rank(base, randn(rows, r, seed=r).double(), randn(r, columns, seed=10 * r + side).double())
        for side, r in enumerate(ranks)
    )
    here, there = measured(one, other).values, measured(other, one).values
    for column in SYMMETRIC:
        assert here[column] == pytest.approx(there[column], abs=1e-6), column
    for column in ("left_overlap", "right_overlap", "interference_removed", "signature"):
        value = here[column]
        assert isinstance(value, float)
        assert 0.0 <= value <= 1.0


def test_an_update_and_itself() -> None:
    base = weight(randn(60, 40))
    one = changed(base, base.slices + 0.1 * randn(1, 60, 40, seed=1))
    found = measured(one, one).values
    expected = {
        "left_overlap": 1.0, "right_overlap": 1.0, "cosine": 1.0, "smallest_angle": 0.0, "largest_angle": 0.0,
        "chordal_distance": 0.0, "interference_diagonal": 1.0, "interference_removed": 1.0, "signature": 0.0,
        "foreign": False,
    }  # fmt: skip
    assert {column: found[column] for column in expected} == pytest.approx(expected, abs=1e-6)


def test_the_sign_turns_the_cosine_alone() -> None:
    base = weight(randn(60, 40).double())
    change = 0.1 * randn(1, 60, 40, seed=1).double()
    found = measured(changed(base, base.slices + change), changed(base, base.slices - 3.0 * change)).values
    assert (found["left_overlap"], found["cosine"]) == pytest.approx((1.0, -1.0))


def test_known_shared_directions() -> None:
    """Two of four output directions shared, at strengths that keep them all leading; no input shared."""
    left, right = frame(80, 6, 0), frame(70, 8, 1)
    base = weight(randn(80, 70).double())
    one = low_rank(base, left[:, :4], right[:, :4].mT)
    other = low_rank(base, left[:, 2:], right[:, 4:].mT)
    found = measured(one, other).values
    assert found["left_overlap"] == pytest.approx(0.5)
    assert (found["smallest_angle"], found["largest_angle"]) == pytest.approx((0.0, 90.0), abs=1e-6)
    assert found["chordal_distance"] == pytest.approx(math.sqrt(2.0))
    zero = {column: found[column] for column in ("right_overlap", "cosine", "interference_removed")}
    assert zero == pytest.approx(dict.fromkeys(zero, 0.0), abs=1e-12)


def test_updates_drawn_apart_share_what_chance_gives() -> None:
    base = weight(randn(90, 60))
    tuned = [changed(base, base.slices + 0.1 * randn(1, 90, 60, seed=k)) for k in range(1, 13)]
    found = [measured(one, other).values for one, other in zip(tuned[::2], tuned[1::2], strict=True)]
    for side, extent in (("left", 90), ("right", 60)):
        values = [values[f"{side}_overlap"] for values in found]
        numbers = [value for value in values if isinstance(value, float)]
        assert np.mean(numbers) == pytest.approx(8 / extent, rel=0.35)
        assert found[0][f"chance_{side}"] == pytest.approx(8 / extent)


@pytest.mark.parametrize(
    ("first", "second", "note"),
    [
        (0.0, 1.0, "the first update is zero"),
        (1.0, 0.0, "the second update is zero"),
        (0.0, 0.0, "both updates are zero"),
    ],
)
def test_zero_updates_have_none_and_say_which(first: float, second: float, note: str) -> None:
    base = weight(randn(12, 9))
    one, other = (changed(base, base.slices + size * randn(1, 12, 9, seed=1)) for size in (first, second))
    found = measured(one, other)
    assert found.note == note
    assert found.values["left_overlap"] is None
    assert (found.values["first_directions"], found.values["second_directions"]) == (8 * first, 8 * second)
    assert found.curves == {}


def test_two_strangers_to_the_base_are_flagged() -> None:
    base = weight(randn(60, 40))
    fine = changed(base, base.slices * 1.01)
    strange = changed(base, randn(60, 40, seed=1))
    assert measured(fine, strange).values["foreign"] is True
    assert measured(strange, fine).values["foreign"] is True
    assert measured(fine, fine).values["foreign"] is False


def test_nan_in_a_factor_is_a_note() -> None:
    base = weight(randn(12, 9))
    fine = low_rank(base, randn(12, 2), randn(2, 9))
    broken = low_rank(base, torch.full((12, 2), math.nan), randn(2, 9))
    found = measured(fine, broken)
    assert set(found.values.values()) == {None}
    assert found.note is not None
    assert "NaN or infinite" in found.note
