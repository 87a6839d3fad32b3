"""The scorers of benchmarks/truth/bounds on cases small enough to work out by hand."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.truth.adapters import Factors
from benchmarks.truth.bounds import large, lineage, places, ranks, shapes, tails, tunes, widths
from benchmarks.truth.merges import TASKS
from benchmarks.truth.models import RECIPES, State, fresh


def test_a_shape_is_counted_where_it_is_much_of_the_exponent() -> None:
    found = dict(zip(shapes.ASPECTS, shapes.cases(shapes.normal, 32, 12, 0), strict=True))
    share, said = found[1.0]
    assert abs(share) < 0.1
    assert said == 0
    share, said = found[4.0]
    assert share > 0.4
    assert said == 12
    assert all(row.shape == (8, 20) for row in (law(8, 20, torch.Generator()) for law in shapes.LAWS.values()))


def updates(blocks: int = 6) -> dict[str, Tensor]:
    return {f"layers.{at}.{role}_proj.weight": torch.ones(8, 8) for at in range(blocks) for role in ("up", "down")}


def test_a_place_is_counted_as_right_where_it_is_the_changed_block_alone() -> None:
    found = list(places.cases(updates()))
    assert found[0] == ("as it is", False, False)
    assert [right for what, _, right in found if what == "one block 3 times"] == [True] * 6
    assert [right for what, _, right in found if what == "one block 1.5 times"] == [False] * 6
    lines = list(places.lines("six", 6, found))
    assert lines[0] == "| six | 6 | as it is | 1 | 0 | – | – |"
    assert lines[-1] == "| six | 6 | one block 5 times | 6 | 6 | 6 | 61% to 100% |"


def tuned(said: bool, grown: float, base: str = "llama 0", own: bool = False) -> large.Tuned:
    return large.Tuned(base, own, 0.3, 0.2 if said else 0.05, said, grown)


def test_forgetting_is_compared_within_one_base() -> None:
    found = [tuned(True, 0.5), tuned(True, 0.05), tuned(False, 0.1), tuned(False, 9.0, "gpt 0")]
    assert large.order(found) == (1, 2)
    assert next(large.lines("set", found)) == "| set | other | 0.3 | 4 | 2 | 12% | +0.30 |"
    assert list(large.shares("set", found))[:2] == [
        "| set | other | large | 2 | 1 | 9% to 91% |",
        "| set | other | not large | 2 | 1 | 9% to 91% |",
    ]


def test_half_a_rank_is_held_against_the_whole() -> None:
    found = [ranks.Adapted(8, 3.0, True, 0.99), ranks.Adapted(8, 4.0, True, 0.9), ranks.Adapted(4, 3.0, False, 0.5)]
    assert list(ranks.lines("set", found)) == [
        "| set | unused | 2 | 0 of 4, 2 of 8, 0 of 16, 0 of 32 | 38% to 50% | 90% to 99%, median 94% | 1 | 9% to 91% |",
        "| set | none | 1 | 1 of 4, 0 of 8, 0 of 16, 0 of 32 | 75% to 75% | 50% to 50%, median 50% | 0 | 0% to 79% |",
    ]


def factors(names: list[str], strengths: Tensor) -> Factors:
    """Updates with these singular values, in directions of their own."""
    noise, count = torch.Generator().manual_seed(0), len(strengths)
    left, right = (torch.linalg.qr(torch.randn(64, count, generator=noise))[0] for _ in range(2))
    return {name: ((0.01 * right * strengths).T.clone(), left.clone()) for name in names}


@pytest.mark.parametrize(("strengths", "said"), [([1.0] * 4 + [0.01] * 4, False), ([1.0] * 3 + [1e-3] * 5, True)])
def test_the_note_on_the_rank_is_the_products_own(strengths: list[float], said: bool) -> None:
    base = {f"layers.{at}.up_proj.weight": torch.randn(64, 64) for at in range(4)}
    adapter = factors([name.removesuffix(".weight") for name in base], torch.tensor(strengths))
    used, found = ranks.judge(base, adapter, 8)
    assert found is said
    assert used == pytest.approx(sum(one > 0.1 for one in strengths), abs=0.5)
    name = "layers.0.up_proj"
    merged = ranks.merge(base, adapter)[f"{name}.weight"] - base[f"{name}.weight"]
    assert torch.allclose(merged, 2.0 * adapter[name][1] @ adapter[name][0], atol=1e-6)


def test_shifts_are_counted_by_what_was_compared() -> None:
    found = [("of one recipe", False), ("of one recipe", True), ("base and fine-tune", True)]
    assert list(tails.lines("llama", found)) == [
        "| llama | of one recipe | 2 | 1 | 9% to 91% |",
        "| llama | base and fine-tune | 1 | 1 | 21% to 100% |",
    ]


def small(seed: int) -> State:
    noise = torch.Generator().manual_seed(seed)
    return {f"layers.{at}.up_proj.weight": torch.randn(48, 32, generator=noise) for at in range(4)}


def test_a_base_is_told_among_candidates() -> None:
    base, other = small(0), small(1)
    noise = torch.Generator().manual_seed(2)
    near = {name: tensor + 0.01 * torch.randn(48, 2, generator=noise).repeat(1, 16) for name, tensor in base.items()}
    assert lineage.ask(near, other, base) == (1, "near", ["unrelated", "near"])
    assert lineage.ask(base, base)[:2] == (0, "same")
    assert lineage.ask(base, other)[:2] == (None, None)


def test_a_rotation_keeps_the_singular_values_alone() -> None:
    base = small(0)
    turned = lineage.over_matrices(base, lineage.rotate)
    assert lineage.is_called_rotated(base, turned)
    assert not lineage.is_called_rotated(base, small(1))
    assert lineage.ask(lineage.in_type(turned, torch.bfloat16), base)[:2] == (0, "rotated")


def test_planted_widths_are_answered() -> None:
    random = np.random.default_rng(0)
    steep = widths.rates((64.0, 128.0, 256.0), random, 4, exponent=0.5)
    assert (steep.right, steep.warned) == (1.0, 1.0)
    kept = widths.rates((64.0, 256.0), random, 4)
    assert (kept.right, kept.warned) == (1.0, 0.0)
    assert widths.line("0", found=[kept, steep]) == "| 0 | 100% | 100% | 0% | 100% |"


def test_fine_tunes_are_made_once_and_lose_what_they_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = next(one for one in RECIPES if one.name == "mlp")
    made: list[int] = []

    def train(*_: object) -> State:
        made.append(1)
        return fresh(recipe, 1)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield torch.zeros(4, 64), torch.zeros(4, dtype=torch.long)

    monkeypatch.setattr(tunes, "KEPT", tmp_path)
    monkeypatch.setattr(tunes, "train", train)
    monkeypatch.setattr(tunes, "trained", lambda *_: fresh(recipe, 0))
    first, second = (tunes.tune(recipe, 0, 0, 0.3) for _ in range(2))
    assert made == [1]
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert tunes.loss(recipe, first, batches) == pytest.approx(2.3, abs=0.3)  # ln 10: it knows nothing
    assert len(TASKS[True]) == len(TASKS[False]) == tunes.OWN + 1
