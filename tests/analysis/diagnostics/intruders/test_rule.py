"""The rule by hand, the chance level by simulation, and the guard on turned clusters and planted intruders."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostics.intruders.leading import rounding
from analysis.diagnostics.intruders.rule import ambiguity, chance, match, sweep, widest, windows
from analysis.linalg.kernels import threads
from analysis.linalg.triplets import Triplets, triplets


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def orthogonal(side: int, seed: int = 0) -> Tensor:
    q: Tensor = torch.linalg.qr(gaussian(side, side, seed=seed)).Q
    return q


def base_of(values: Tensor, side: int = 200) -> Tensor:
    return (
        orthogonal(side, 1)
        * torch.cat([values, torch.linspace(0.5, 0.05, side - len(values)).double()])
        @ (orthogonal(side, 2).mT)
    )


CLUSTER = torch.tensor([5.0, *np.linspace(2.04, 1.96, 8), 1.0], dtype=torch.float64)  # eight within 4 %


def test_the_rule_by_hand() -> None:
    """u₁ is 30° from e₁, u₂ is half of four base directions each, u₃ is at 0.6 and 0.8."""
    axes = torch.eye(6, dtype=torch.float64)
    left = torch.zeros(6, 3, dtype=torch.float64)
    left[:2, 0] = torch.tensor([-math.cos(math.pi / 6), 0.5])
    left[1:5, 1] = 0.5
    left[4:6, 2] = torch.tensor([0.6, -0.8])
    values = torch.tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], dtype=torch.float64)
    found = match(Triplets(axes, values, axes), Triplets(left, values[:3], left), "left")
    assert found.best.tolist() == pytest.approx([math.cos(math.pi / 6), 0.5, 0.8])
    assert found.intruders(3, 0.5).tolist() == [False, False, False]  # strictly below
    assert found.intruders(3, 0.51).tolist() == [False, True, False]
    assert found.intruders(1, 0.9).tolist() == [True]


def test_both_sides_must_be_new() -> None:
    base = base_of(CLUSTER)
    one = triplets(base)
    strange = gaussian(200, 1, seed=5)
    strange /= strange.norm()
    half = triplets(base + 9.0 * strange @ one.right[:, 50:51].mT)  # new among the outputs, known among the inputs
    assert bool(match(one, half.first(1), "left").intruders(1, 0.5))
    assert not bool(match(one, half.first(1), "right").intruders(1, 0.5))
    assert not bool(match(one, half.first(1), "both").intruders(1, 0.5))
    whole = triplets(base + 9.0 * strange @ strange.mT)
    assert bool(match(one, whole.first(1), "both").intruders(1, 0.5))


@pytest.mark.parametrize("seed", range(6))
def test_a_turned_cluster_counts_and_the_guard_leaves_it_out(seed: int) -> None:
    """Eight directions of nearly equal strength, turned among themselves on both sides: nothing is new."""
    one = triplets(base_of(CLUSTER))
    turn = orthogonal(8, 10 + seed)
    left = torch.cat([one.left[:, :1], one.left[:, 1:9] @ turn, one.left[:, 9:]], dim=1)
    right = torch.cat([one.right[:, :1], one.right[:, 1:9] @ turn, one.right[:, 9:]], dim=1)
    found = match(one, triplets(left * one.values @ right.mT).first(10), "left")
    assert not bool(found.guarded_intruders(10, 0.5).any())
    assert int(found.intruders(10, 0.7).sum()) >= 4
    assert not bool(found.guarded_intruders(10, 0.7).any())
    assert float(found.captured[1:9].min()) > 0.999


@pytest.mark.parametrize("amount", [0.3, 1.0, 3.0])
def test_a_mixture_within_a_cluster_made_stronger_is_not_new_either(amount: float) -> None:
    one = triplets(base_of(CLUSTER))
    u, v = one.left[:, 1:9].mean(dim=1, keepdim=True), one.right[:, 1:9].mean(dim=1, keepdim=True)
    tuned = triplets(one.left * one.values @ one.right.mT + amount * 8.0 * u @ v.mT)
    found = match(one, tuned.first(4), "left")
    assert int(found.intruders(4, 0.5).sum()) == 1
    assert not bool(found.guarded_intruders(4, 0.5).any())


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("base", ["cluster", "gaussian", "orthogonal", "steep"])
def test_the_guard_never_hides_a_planted_intruder(base: str, seed: int) -> None:
    """A random direction, half as strong again as the base's strongest, in bases with and without clusters."""
    matrix = {
        "cluster": lambda: base_of(CLUSTER),
        "gaussian": lambda: gaussian(200, 200, seed=20),
        "orthogonal": lambda: orthogonal(200, 21),
        "steep": lambda: base_of(torch.arange(1.0, 101.0).double().pow(-1.0)),
    }[base]()
    one = triplets(matrix)
    u, v = gaussian(200, 1, seed=30 + seed), gaussian(200, 1, seed=50 + seed)
    spike = 1.5 * one.values[0] * (u / u.norm()) @ (v / v.norm()).mT
    tuned = triplets(matrix + spike).first(10)
    found = match(one, tuned, "left")
    strong = (tuned.left.mT @ u / u.norm()).abs().flatten() > 0.8  # the direction that was planted
    assert int(strong.sum()) == 1
    assert bool(found.intruders(10, 0.5)[strong])
    assert bool(found.guarded_intruders(10, 0.5)[strong])


@pytest.mark.parametrize("seed", range(8))
def test_a_small_update_can_only_turn_so_the_guard_finds_nothing(seed: int) -> None:
    """Davis and Kahan: for a dense update of at most a fortieth of σ, the window holds half of every direction."""
    values = torch.cat([torch.linspace(2.0, 1.995, 30), torch.linspace(0.5, 0.1, 170)]).double()
    matrix = orthogonal(200, 3) * values @ orthogonal(200, 4).mT
    noise = gaussian(200, 200, seed=60 + seed)
    tuned = triplets(matrix + noise * (2.0 / 40.0 / torch.linalg.matrix_norm(noise, 2))).first(20)
    found = match(triplets(matrix), tuned, "left")
    assert int(found.intruders(20, 0.5).sum()) > 5
    assert not bool(found.guarded_intruders(20, 0.5).any())


def test_windows_are_near_and_never_wide() -> None:
    values = torch.tensor([10.0, 9.5, 9.0, 8.9, 1.0, 0.0, 0.0], dtype=torch.float64)
    similarity = torch.eye(7, dtype=torch.float64)
    inside, crowded = windows(values, similarity, 4096)
    assert inside[:, 0].tolist() == [True, True, True, False, False, False, False]
    assert inside[:, 4].tolist() == [False, False, False, False, True, False, False]
    assert not crowded.any()
    flat, cut = windows(torch.ones(200, dtype=torch.float64), orthogonal(200).abs(), 200)
    assert set(flat.sum(dim=0).tolist()) == {widest(200)}  # not all 200, though all are equally near
    assert cut.all()
    assert bool(torch.gather(flat, 0, orthogonal(200).abs().argmax(dim=0)[None]).all())  # its best match is inside


@pytest.mark.parametrize("m", [100, 768, 4096])
def test_a_random_direction_does_not_fill_the_widest_window(m: int) -> None:
    rng = np.random.default_rng(m)
    squares = np.square(rng.standard_normal((200, m)))
    squares /= squares.sum(axis=1, keepdims=True)
    held = squares.max(axis=1) + squares[:, : widest(m) - 1].sum(axis=1)
    assert held.mean() < 0.27
    assert held.max() < 0.45


def test_the_window_of_a_small_matrix_is_the_best_match_alone() -> None:
    assert widest(16) == 1
    assert widest(1) == 1


@pytest.mark.parametrize(("m", "p"), [(40, 40), (768, 768), (300, 50), (50, 1)])
def test_chance_is_what_random_directions_do(m: int, p: int) -> None:
    drawn = np.random.default_rng(m).standard_normal((4000, m))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    best = np.abs(drawn[:, :p]).max(axis=1)
    assert chance((m, p)) == pytest.approx(best.mean(), abs=5.0 * best.std() / math.sqrt(4000))


def test_chance_of_both_sides_is_that_of_the_nearer() -> None:
    rng = np.random.default_rng(1)
    sides = []
    for m, p in ((120, 80), (80, 80)):
        drawn = rng.standard_normal((4000, m))
        sides.append(np.abs(drawn[:, :p] / np.linalg.norm(drawn, axis=1, keepdims=True)).max(axis=1))
    best = np.maximum(*sides)
    assert chance((120, 80), (80, 80)) == pytest.approx(best.mean(), abs=5.0 * best.std() / math.sqrt(4000) + 0.002)


@pytest.mark.parametrize(("m", "about"), [(768, 0.13), (4096, 0.064)])
def test_chance_is_near_the_rule_of_thumb(m: int, about: float) -> None:
    """√(2 ln m / m), which is an upper bound that is approached slowly."""
    assert math.sqrt(2.0 * math.log(m) / m) == pytest.approx(about, abs=0.002)
    assert 0.85 * about < chance((m, m)) < 1.02 * about
    assert chance((1, 1)) == pytest.approx(1.0)


def test_sweep_by_hand() -> None:
    epsilon, count = sweep(torch.tensor([0.05, 0.5, 0.94], dtype=torch.float64))
    assert epsilon.tolist() == pytest.approx([0.05 * i for i in range(1, 20)])
    assert dict(zip(np.round(epsilon, 2).tolist(), count.tolist(), strict=True)) == {
        **{e / 100: 0.0 for e in (5,)},
        **{e / 100: 1.0 for e in range(10, 55, 5)},
        **{e / 100: 2.0 for e in range(55, 95, 5)},
        0.95: 3.0,
    }


def test_only_what_lies_in_repeated_directions_is_unsettled() -> None:
    """Base values 3, 2, 2, 1: a vector in the plane of the two may match them with anything from 1/√2 to 1."""
    base = triplets(torch.diag(torch.tensor([3.0, 2.0, 2.0, 1.0])))
    similarity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.6], [0.0, 0.0, 0.6], [0.0, 0.0, 0.52915]]).double()
    moved = ambiguity(similarity, rounding(base))
    assert moved[0] < 1e-6
    assert float(moved[1]) == pytest.approx(1.0 - math.sqrt(0.5), abs=1e-6)
    assert float(moved[2]) == pytest.approx(math.sqrt(0.72) - 0.6, abs=1e-6)


@pytest.mark.parametrize("angle", [1e-8, 1e-5, 1e-3, 0.3, 1.5])
def test_ambiguity_bounds_what_a_turn_of_base_vectors_does(angle: float) -> None:
    """Neighbours 5 and 6 and neighbours 30 to 33 turn into each other: the bound is no larger than that turn."""
    base, directions = orthogonal(200, 1), orthogonal(200, 3)[:, :40]
    sure = torch.zeros(200, dtype=torch.float64)
    turned = base.clone()
    for first in (5, 30, 32):
        sine, cosine = math.sin(angle), math.cos(angle)
        pair = turned[:, [first, first + 1]].clone()
        turned[:, first], turned[:, first + 1] = (
            pair @ torch.tensor([cosine, sine]).double(),
            pair @ (torch.tensor([-sine, cosine]).double()),
        )
        sure[first : first + 2] = 2.0 * math.sin(angle / 2.0)
    before, after = (directions.mT @ axes for axes in (base, turned))
    bound = ambiguity(before.abs().mT, sure)
    moved = (before.abs().amax(dim=1) - after.abs().amax(dim=1)).abs()
    assert bool((moved <= bound + 1e-14).all())
    assert float(bound.max()) <= 2.0 * math.sin(angle / 2.0) + 1e-14
