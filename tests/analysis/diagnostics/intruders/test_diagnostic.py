"""Intruder dimensions against the authors' numbers, against two float32 SVDs, and where there is little to compare."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from analysis.diagnostics.intruders import leading
from analysis.diagnostics.intruders.diagnostic import INTRUDERS
from analysis.linalg.kernels import threads
from analysis.weight import Factors, Weight
from tests.analysis.diagnostics.battery import changed, compared, comparison, low_rank, randn, weight


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Two wait for each other where the machine is busy."""
    with threads(1):
        yield


GOLDEN = Path(__file__).parents[3] / "golden"
SAID = json.loads((GOLDEN / "pairs.json").read_text())
MATRICES = np.load(GOLDEN / "golden.npz")
CHANGES = np.load(GOLDEN / "pairs.npz")


def golden(name: str) -> Weight:
    base = torch.from_numpy(MATRICES[name.rsplit("_", 1)[0]])
    if name in CHANGES:
        return changed(weight(base), base + torch.from_numpy(CHANGES[name]))
    return low_rank(weight(base), torch.from_numpy(CHANGES[f"{name}.B"]), torch.from_numpy(CHANGES[f"{name}.A"]))


def straight(base: Tensor, tuned: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """The rule as anybody would write it: two SVDs, in float32 as the authors do."""
    before = torch.linalg.svd(base.to(dtype), full_matrices=False).U
    after = torch.linalg.svd(tuned.to(dtype), full_matrices=False).U
    best: Tensor = (after.T @ before).abs().max(dim=1).values[:10]
    return best


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("fast", [False, True])
def test_the_authors_numbers(name: str, fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their counts at three thresholds, and the best matches to 1e-4, whichever way the directions are found."""
    if fast:
        monkeypatch.setattr(leading, "WHOLE", 64)
    for key, numbers in SAID[name].items():
        found = compared(INTRUDERS, golden(name), epsilon=float(key.split("eps")[1]))
        assert found.values["count"] == numbers["count"]
        best = found.curves["best_match"][:10]
        assert best == pytest.approx(numbers["similarity"], abs=1e-4)
        assert found.values["lowest_match"] == pytest.approx(min(numbers["similarity"]), abs=1e-4)
        assert found.values["mean_match"] == pytest.approx(np.mean(numbers["similarity"]), abs=1e-4)
        assert float(found.values["error"] or 0.0) < 1e-4


def test_the_fast_way_is_taken_on_golden_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "WHOLE", 64)
    methods = {name: compared(INTRUDERS, golden(name)).values["method"] for name in SAID}
    assert list(methods.values()).count("leading") >= len(methods) // 2, methods


@pytest.mark.parametrize("shape", [(150, 150), (260, 120), (120, 260), (30, 7)])
@pytest.mark.parametrize("scale", [0.05, 0.6, 2.0])
def test_a_straight_reading_of_the_rule(shape: tuple[int, int], scale: float) -> None:
    base = weight(randn(*shape))
    left, right = scale * randn(shape[0], 4, seed=1), randn(4, shape[1], seed=2)
    for tuned in (low_rank(base, left, right), changed(base, base.matrix + left @ right)):
        found = compared(INTRUDERS, tuned)
        for dtype, error in ((torch.float64, 1e-5), (torch.float32, 5e-4)):  # what float32 itself may be wrong by
            best = straight(base.matrix, tuned.matrix, dtype)
            assert found.curves["best_match"][: len(best)] == pytest.approx(best.numpy(), abs=error)
            assert found.values["count"] == int((best < 0.5).sum())


def planted(values: Tensor, rows: int, columns: int) -> Tensor:
    left, right = (torch.linalg.qr(randn(n, len(values), seed=i)).Q for i, n in enumerate((rows, columns), 3))
    matrix: Tensor = (left * values) @ right.mT
    return matrix


HARD = {
    "near-degenerate": planted(torch.linspace(1.0, 0.999, 200), 200, 200),
    "pairs of equal ones": planted(torch.arange(100.0, 0.0, -1.0).repeat_interleave(2), 260, 200),
    "a cluster among others": planted(torch.cat([torch.full((20,), 2.0), torch.linspace(1.9, 0.1, 180)]), 200, 230),
    "steep": planted(torch.logspace(0, -6, 200), 240, 200),
    "low rank": planted(torch.linspace(2.0, 1.0, 30), 200, 210),
    "without some columns": torch.cat([randn(210, 190), torch.zeros(210, 10)], dim=1),
    "tall": randn(500, 150),
    "wide": randn(150, 500),
}


@pytest.mark.parametrize("side", ["left", "right", "both"])
@pytest.mark.parametrize("kind", HARD)
def test_the_verdicts_are_those_of_all_vectors(kind: str, side: str) -> None:
    """Whether the base's vectors were found or only what lies along them; where that cannot decide, they are found."""
    matrix = HARD[kind].double()  # so that an adapter's sum is what is stored, too
    strength = float(torch.linalg.matrix_norm(matrix, 2))
    left, right = randn(len(matrix), 3, seed=1) / len(matrix) ** 0.5, randn(3, matrix.shape[1], seed=2)
    update = 1.3 * strength * left @ (right / matrix.shape[1] ** 0.5)
    for tuned in (
        low_rank(weight(matrix), 1.3 * strength * left, right / matrix.shape[1] ** 0.5),
        changed(weight(matrix), matrix + update),
        changed(weight(matrix), matrix + 0.02 * strength / len(matrix) ** 0.5 * randn(*matrix.shape, seed=4)),
    ):
        assert tuned.base is not None
        found = compared(INTRUDERS, tuned, side=side, epsilon=0.6)
        known = replace(tuned, base=replace(tuned.base))
        assert known.base is not None
        _ = known.base.triplets, known.triplets
        whole = compared(INTRUDERS, known, side=side, epsilon=0.6)
        assert {name: found.values[name] for name in ("count", "count_guarded", "first_rank", "k")} == {
            name: whole.values[name] for name in ("count", "count_guarded", "first_rank", "k")
        }
        certain = float(found.values["error"] or 0.0) < 1e-4
        assert found.note == whole.note
        if certain:
            assert found.curves["best_match"][:10] == pytest.approx(whole.curves["best_match"][:10], abs=2e-4)


def test_a_base_of_full_rank_is_not_decomposed_for_its_vectors() -> None:
    for shape in ((200, 200), (300, 150), (150, 300)):
        base = weight(randn(*shape))
        found = compared(INTRUDERS, changed(base, base.matrix + 0.05 * randn(*shape, seed=1)))
        assert found.values["method"] == "leading"
        assert not base.is_decomposed


def test_a_fine_tune_of_a_real_model(minilm: Path) -> None:
    """A trained weight, and an update along outputs that it never had: an intruder for each of the two."""
    base = load_file(minilm)["encoder.layer.2.intermediate.dense.weight"]
    assert base.shape == (1536, 384)
    strange = torch.linalg.svd(base, full_matrices=True).U[:, -2:]  # no direction of the base at all
    tuned = low_rank(weight(base), 40.0 * strange, torch.linalg.qr(randn(384, 2)).Q.T)
    found = compared(INTRUDERS, tuned)
    assert found.values["count"] == found.values["count_guarded"] == 2
    assert found.values["first_rank"] == 1
    assert found.values["lowest_match"] == pytest.approx(0.0, abs=0.1)
    best = straight(base, tuned.matrix)
    assert found.curves["best_match"][:10] == pytest.approx(best.numpy(), abs=1e-4)


def test_the_curves() -> None:
    base = weight(randn(90, 80))
    tuned = changed(base, base.matrix + 0.1 * randn(90, 80, seed=3))
    found = compared(INTRUDERS, tuned, directions=22, k=20, epsilon=0.7)
    z = found.curves["similarity"].reshape(22, 22)
    ours = torch.linalg.svd(base.matrix.double()).U[:, :22].T @ torch.linalg.svd(tuned.matrix.double()).U[:, :22]
    assert z == pytest.approx(ours.abs().numpy(), abs=1e-6)
    assert len(found.curves["best_match"]) == len(found.curves["captured"]) == 22
    assert (found.curves["captured"] >= found.curves["best_match"] - 1e-6).all()
    at = dict(
        zip(np.round(found.curves["sweep_epsilon"].astype(float), 2).tolist(), found.curves["sweep_count"], strict=True)
    )
    for epsilon in (0.05, 0.35, 0.95):
        assert at[epsilon] == compared(INTRUDERS, tuned, k=20, epsilon=epsilon).values["count"]


def test_figures_hold_all_directions_that_are_counted() -> None:
    """So that whoever counts over them at the row's own k and ε counts what the row says."""
    base = weight(randn(90, 80))
    found = compared(INTRUDERS, changed(base, base.matrix + 0.1 * randn(90, 80, seed=3)), directions=3, k=20)
    assert len(found.curves["best_match"]) == 20
    assert (found.curves["best_match"] < 0.5).sum() == found.values["count"]


def test_sides() -> None:
    """New outputs from known inputs are an intruder on the left, and on the right none; turned, the other way round."""
    base = randn(100, 100)
    u, _, vt = torch.linalg.svd(base)
    strange = torch.nn.functional.normalize(u[:, 40:].sum(dim=1), dim=0)
    there = weight(base)
    tuned = low_rank(there, 90.0 * strange[:, None], vt[30:31])
    counts = {side: compared(INTRUDERS, tuned, side=side, k=1).values["count"] for side in ("left", "right", "both")}
    assert counts == {"left": 1, "right": 0, "both": 0}
    assert tuned.factors is not None
    turned = low_rank(weight(base.T), tuned.factors.right.T, tuned.factors.left.T)
    assert compared(INTRUDERS, turned, side="right", k=1).values["count"] == 1


def test_a_convolution_is_flattened() -> None:
    kernel = randn(9, 40, 20)
    base = weight(kernel, "conv.weight", "conv")
    tuned = changed(base, kernel + 0.4 * randn(9, 40, 20, seed=1))
    before, after = (one.slices.permute(1, 2, 0).reshape(40, 180) for one in (base, tuned))
    best = straight(before, after)
    assert compared(INTRUDERS, tuned).curves["best_match"][:10] == pytest.approx(best.numpy(), abs=1e-4)


@pytest.mark.parametrize("base", [randn(50, 40), torch.eye(40), randn(40, 3) @ randn(3, 30), torch.ones(9, 9)])
def test_an_untrained_one_has_none(base: Tensor) -> None:
    """Also where singular values are equal, so that another run of the solver might choose other vectors."""
    there = weight(base)
    for tuned in (
        changed(there, base.clone()),
        low_rank(there, torch.zeros(len(base), 2), torch.ones(2, base.shape[1])),
    ):
        found = compared(INTRUDERS, tuned)
        assert found.values["count"] == found.values["count_guarded"] == 0
        assert found.values["mean_match"] == pytest.approx(1.0)
        assert (found.values["method"], found.values["error"]) == ("same", 0.0)


def test_nothing_to_compare() -> None:
    base = weight(randn(30, 20))
    tuned = compared(INTRUDERS, changed(base, torch.zeros(30, 20)))
    assert tuned.note == "the fine-tuned weight is zero and has no directions"
    nothing = weight(torch.zeros(30, 20))
    found = compared(INTRUDERS, changed(nothing, randn(30, 20)))
    assert found.note == "the base is zero and has no directions"
    assert (found.values["count"], found.values["k"]) == (None, 0)
    assert found.curves == {}


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (3, 2), (5, 5)])
def test_fewer_directions_than_k(shape: tuple[int, int]) -> None:
    base = weight(randn(*shape))
    found = compared(INTRUDERS, changed(base, base.matrix + 0.01 * randn(*shape, seed=1)))
    assert found.values["k"] == min(shape)
    assert found.values["count"] == 0
    assert len(found.curves["similarity"]) == min(shape) ** 2


def test_notes_say_what_to_doubt() -> None:
    small = weight(randn(8, 8))
    note = compared(INTRUDERS, changed(small, small.matrix + 0.1 * randn(8, 8, seed=1))).note
    assert note is not None
    assert "a random direction matches with 0.6" in note
    equal = weight(torch.linalg.qr(randn(120, 120)).Q)
    found = compared(INTRUDERS, changed(equal, equal.matrix + 0.3 * randn(120, 120, seed=1) / 11.0))
    assert found.note is not None
    assert "too many of the base's singular values are nearly equal" in found.note
    twice = weight(torch.diag(torch.tensor([5.0, 3.0, 3.0, *np.linspace(1.0, 0.1, 97)]).float()))
    found = compared(INTRUDERS, changed(twice, twice.matrix + 0.01 * randn(100, 100, seed=1)))
    assert found.note == "some singular values are equal: which vectors stand for them is arbitrary"
    assert 0.1 < float(found.values["error"] or 0.0) < 0.5
    dead = weight(torch.cat([randn(90, 80), torch.zeros(90, 10)], dim=1))
    found = compared(INTRUDERS, changed(dead, dead.matrix + 0.01 * randn(90, 90, seed=1)))
    assert found.note == "the base has rank 80 of 90: its other directions are arbitrary"


def test_what_is_not_finite_is_a_note_that_names_it() -> None:
    base = weight(randn(20, 20))
    broken = base.slices.clone()
    broken[0, 1, 1] = math.inf
    found = compared(INTRUDERS, changed(base, broken))
    assert found.note == "layers.0.mlp.up_proj.weight: 1 of 400 values are NaN or infinite"
    assert set(found.values.values()) == {None}


def test_a_half_precision_base_and_its_adapter() -> None:
    """As in practice: the base in bfloat16, the adapter added to it in float32."""
    base = weight(randn(130, 110).to(torch.bfloat16))
    left, right = randn(130, 4, seed=1), randn(4, 110, seed=2)
    tuned = Weight(base.info, base.slices.float() + left @ right, base, Factors(left, right))
    best = straight(base.matrix, tuned.matrix)
    found = compared(INTRUDERS, tuned)
    assert found.curves["best_match"][:10] == pytest.approx(best.numpy(), abs=1e-4)


def test_a_model_in_words() -> None:
    bases = [
        Weight(
            weight(randn(120, 100, seed=i), f"layers.{i}.mlp.up_proj.weight", "up", i).info, randn(1, 120, 100, seed=i)
        )
        for i in range(4)
    ]
    lora = [low_rank(b, 3.0 * randn(120, 1, seed=9), randn(1, 100, seed=8)) for b in bases]
    trained = 0.01 * randn(1, 120, 100, seed=7) + 0.005 * randn(120, 1, seed=6) @ randn(1, 100, seed=5)
    full = [changed(b, b.slices + trained) for b in bases]
    table, said = comparison(INTRUDERS, [lora, full], "base", "LoRA", "full")
    assert len(table.rows) == 8
    assert said.groups[0, 1]["intruders"] == 4
    assert said.groups[0, 2]["intruders"] == 0
    assert (
        said.findings[0].text
        == "LoRA adds 4 intruder dimensions in 4 of 4 matrices, all in MLP up projection (up_proj) of blocks 0–3"
    )
