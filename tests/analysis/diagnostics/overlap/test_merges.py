"""Merges of two tuned checkpoints beside a third that is none. Rates: benchmarks/truth/merges.py."""

import math

import pytest
import torch

from analysis.diagnostic import Finding
from analysis.diagnostics.overlap.diagnostic import OVERLAP
from analysis.diagnostics.overlap.merges import share_between
from analysis.findings.changes import MERGE
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import blocks, changed, comparison, low_rank, randn

BASE = blocks([randn(40, 30, seed=depth) for depth in range(4)])


def tuned(seed: int) -> list[Weight]:
    left, right = ([randn(*shape, seed=seed + d) for d in range(4)] for shape in ((40, 3), (3, 30)))
    return [low_rank(w, 0.05 * left[d], right[d]) for d, w in enumerate(BASE)]


ONE, OTHER, THIRD = tuned(100), tuned(200), tuned(300)


def summed(s: float, t: float, rest: float = 0.0) -> list[Weight]:
    """The base with so much of the two updates, and of a third that is none of theirs."""
    parts = zip(BASE, ONE, OTHER, THIRD, strict=True)
    return [
        changed(w, w.matrix + s * (a.matrix - w.matrix) + t * (b.matrix - w.matrix) + rest * (c.matrix - w.matrix))
        for w, a, b, c in parts
    ]


def merges(*members: list[Weight]) -> list[Finding]:
    names = ("base", "one", "other", "third")[: 1 + len(members)]
    return [found for found in comparison(OVERLAP, list(members), *names)[1].findings if found.cause is MERGE]


@pytest.mark.parametrize(("s", "t"), [(0.5, 0.5), (0.3, 0.7), (1.0, 1.0), (0.9, 0.4)])
def test_a_weighted_sum_is_a_merge_of_the_two_and_neither_of_them_is_one(s: float, t: float) -> None:
    (found,) = merges(ONE, OTHER, summed(s, t))
    assert found.text == "third lies between one and other, as a merge of them does"
    assert found.evidence["share"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "third",
    [THIRD, summed(1.2, 0.0), summed(1.0, 0.0, 0.5), summed(0.2, 0.2, 0.9)],
    ids=["another", "longer", "continued", "of its own"],
)
def test_no_other_is_called_a_merge(third: list[Weight]) -> None:
    assert merges(ONE, OTHER, third) == []


def test_of_a_difference_its_first_is_between_the_others() -> None:
    """ΔW₃ = (ΔW₁ - ΔW₂)/2 is ΔW₁ = 2 ΔW₃ + ΔW₂: which file came first, the numbers do not say."""
    (found,) = merges(ONE, OTHER, summed(0.5, -0.5))
    assert found.text == "one lies between other and third, as a merge of them does"


def test_entries_dropped_from_each_leave_much_of_both() -> None:
    """DARE: half of the entries of either update at random, the rest twice as large."""
    dropped = [
        changed(
            w,
            w.matrix
            + (torch.rand(w.matrix.shape) < 0.5) * (a.matrix - w.matrix)
            + (torch.rand(w.matrix.shape) < 0.5) * (b.matrix - w.matrix),
        )
        for w, a, b in zip(BASE, ONE, OTHER, strict=True)
    ]
    (found,) = merges(ONE, OTHER, dropped)
    assert found.text == "third has much of both one and other"
    assert "TIES, DARE" in found.why
    assert found.evidence["share"] == pytest.approx(0.5, abs=0.1)


def test_of_three_runs_of_one_task_none_is_between_the_others() -> None:
    """All three have the same half and another half of their own: each pair of updates has a cosine of about 0.5."""
    shared = zip(BASE, ONE, OTHER, THIRD, tuned(400), strict=True)
    made = [
        [changed(w, w.matrix + sum(u.matrix - w.matrix for u in (all_, own))) for own in owns]
        for w, *owns, all_ in shared
    ]
    assert merges(*([three[at] for three in made] for at in range(3))) == []


def test_two_matrices_are_too_few() -> None:
    assert merges(ONE[:2], OTHER[:2], summed(0.5, 0.5)[:2]) == []


def test_the_share_is_that_of_a_projection() -> None:
    a, b, x = (randn(60, 1, seed=seed).flatten().double() for seed in (1, 2, 3))
    x = a + b + x
    q, _ = torch.linalg.qr(torch.stack([a, b], 1))
    found = share_between(*(float(torch.cosine_similarity(*pair, dim=0)) for pair in ((x, a), (x, b), (a, b))))
    assert found == pytest.approx(float((q.T @ x).square().sum() / x.square().sum()))
    assert share_between(0.5, 0.5, 0.1) == pytest.approx(0.45 / 0.99)
    assert share_between(0.5, 0.5, 0.5) == 0.0  # all alike
    assert share_between(0.7, 0.7, 1.0) == 0.0  # no plane
    assert share_between(math.sqrt(0.5), -math.sqrt(0.5), 0.0) == 0.0  # a difference
