import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.prescriptions.interference.joint import (
    alignment_ratios,
    compress,
    directions,
    joint_energy,
    leading_count,
    over_accumulation,
    singular_interference,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "prescriptions"
NUMBERS = json.loads((GOLDEN / "prescriptions.json").read_text())
ARRAYS = np.load(GOLDEN / "arrays.npz")


def gaussian(seed: int, rows: int = 30, columns: int = 20) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, columns))


def in_blocks(count: int, rows: int = 6, columns: int = 5, seed: int = 0) -> Any:
    """Updates that share neither outputs nor inputs."""
    found = []
    for at in range(count):
        matrix = np.zeros((rows * count, columns * count))
        matrix[rows * at : rows * (at + 1), columns * at : columns * (at + 1)] = gaussian(seed + at, rows, columns)
        found.append(matrix)
    return found


@pytest.mark.parametrize(("case", "rank"), [("all", None), ("top_k_over_T", 13)])
def test_golden_interference(case: Mapping[str, Any], rank: int) -> None:
    found = singular_interference([directions(update) for update in ARRAYS["tasks"]], rank)
    assert found.interference == pytest.approx(NUMBERS["sti"][case]["entrywise_l1"], rel=1e-4)
    assert found.total == pytest.approx(NUMBERS["sti"][case]["normaliser_sum_s"], rel=1e-4)


@pytest.mark.parametrize(("tasks", "key"), [("tasks", None), ("tasks_wide", "wide")])
def test_golden_alignment_ratios(tasks: str, key: str | None) -> None:
    golden = NUMBERS["sar"] if key is None else NUMBERS["sar"][key]
    updates = list(ARRAYS[tasks])
    merged = directions(np.sum(updates, axis=0))
    k = leading_count(merged.values)
    assert k == golden["k_definition"]
    assert alignment_ratios(updates, merged, k) == pytest.approx(golden["sar_definition_k"], rel=1e-4)
    assert alignment_ratios(updates, merged, golden["k_code"]) == pytest.approx(golden["sar_code_k"], rel=1e-4)


def test_the_authors_loop_is_not_copied() -> None:
    """Their loop projects later tasks on the first task's directions and gives exactly 1 there; ours does not."""
    updates = list(ARRAYS["tasks_wide"])
    golden = NUMBERS["sar"]["wide"]
    found: Any = alignment_ratios(updates, directions(np.sum(updates, axis=0)), golden["iso_k_code"])
    assert found == pytest.approx(golden["iso_sar_right"], rel=1e-4)
    assert max(found) < 0.999


@pytest.mark.parametrize("count", [2, 3, 4])
def test_equal_updates_interfere_by_the_square_of_one_less(count: int) -> None:
    one = directions(gaussian(0))
    assert singular_interference([one] * count).share == pytest.approx((count - 1) ** 2)


@pytest.mark.parametrize("count", [2, 3])
def test_orthogonal_updates_do_not_interfere(count: int) -> None:
    updates = in_blocks(count)
    parts = [directions(update) for update in updates]
    assert singular_interference(parts).interference == pytest.approx(0.0, abs=1e-10)
    merged = directions(np.sum(updates, axis=0))
    assert alignment_ratios(updates, merged, len(merged.values)) == pytest.approx([1.0] * count)
    assert over_accumulation(parts, merged)[0] == pytest.approx(1.0)


def test_the_least_count_that_holds_the_share() -> None:
    assert [leading_count(np.sqrt([9.0, 4.0, 3.0]), share) for share in (0.5, 0.75, 0.76, 0.95, 1.0)] == [1, 1, 2, 3, 3]
    assert leading_count(np.zeros(3)) == leading_count(np.zeros(0)) == 0


def test_shared_directions_accumulate() -> None:
    update = gaussian(1)
    parts = [directions(update)] * 3
    assert over_accumulation(parts, directions(3 * update), 4) == pytest.approx([3.0] * 4)


def test_the_joint_basis_needs_more_directions_where_less_is_shared() -> None:
    one = gaussian(2, 30, 4) @ gaussian(3, 4, 20)
    shared, apart = joint_energy([one, 2 * one]), joint_energy([one, gaussian(4, 30, 4) @ gaussian(5, 4, 20)])
    assert shared[3] == pytest.approx(1.0)
    assert apart[3] < 0.9
    assert apart[7] == pytest.approx(1.0)
    assert len(joint_energy([np.zeros((3, 2))])) == 0


@pytest.mark.parametrize("shape", [(40, 30), (12, 200)])
def test_factors_give_what_their_products_give(shape: tuple[int, int]) -> None:
    lefts = [gaussian(seed, shape[0], rank) for seed, rank in enumerate((4, 2, 5))]
    rights = [gaussian(seed + 9, rank, shape[1]) for seed, rank in enumerate((4, 2, 5))]
    whole = [left @ right for left, right in zip(lefts, rights, strict=True)]
    small = compress(lefts, rights)
    assert max(small[0].shape) <= 12
    assert np.tensordot(small[0], small[2]) == pytest.approx(np.tensordot(whole[0], whole[2]))
    one, other = ([directions(update) for update in updates] for updates in (whole, small))
    assert singular_interference(one).interference == pytest.approx(singular_interference(other).interference)
    assert singular_interference(one).total == pytest.approx(singular_interference(other).total)
    merged = directions(np.sum(whole, axis=0)), directions(np.sum(small, axis=0))
    assert alignment_ratios(whole, merged[0], 3) == pytest.approx(alignment_ratios(small, merged[1], 3))
    assert joint_energy(whole)[:11] == pytest.approx(joint_energy(small)[:11])


def test_zero_updates_have_no_numbers() -> None:
    zero = directions(np.zeros((4, 3)))
    assert len(zero.values) == 0
    assert singular_interference([zero, zero]).share is None
    assert alignment_ratios([np.zeros((4, 3))], zero, 0) == [None]
    assert over_accumulation([zero], zero) == []
