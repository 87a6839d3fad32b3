from pathlib import Path

import numpy as np
import pytest

from analysis.prescriptions.interference.joint import directions
from analysis.prescriptions.interference.merging import iso_merge, tsv_merge

ARRAYS = np.load(Path(__file__).parents[3] / "golden" / "prescriptions" / "arrays.npz")


def test_the_authors_merges() -> None:
    updates = list(ARRAYS["tasks"])
    assert tsv_merge([directions(u) for u in updates], 40) == pytest.approx(ARRAYS["tsv_merged"], abs=1e-8)
    assert iso_merge(sum(updates)) == pytest.approx(ARRAYS["iso_c_merged"], abs=1e-8)


def test_updates_without_a_common_direction_are_added() -> None:
    one, other = np.zeros((8, 6)), np.zeros((8, 6))
    one[:4, :3], other[4:, 3:] = np.random.default_rng(0).normal(size=(2, 4, 3))
    assert tsv_merge([directions(one), directions(other)], 6) == pytest.approx(one + other)


def test_all_singular_values_of_iso_are_their_mean() -> None:
    merged = np.random.default_rng(1).normal(size=(9, 5))
    before, after = (np.linalg.svd(m, compute_uv=False) for m in (merged, iso_merge(merged)))
    assert after == pytest.approx(np.full(5, before.mean()))
