"""An adapter's outputs beside its base: at chance on one trained apart, and silence where that is not certain."""

import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Severity
from analysis.diagnostics.update.adapter_base import leading, outputs_over_chance
from analysis.diagnostics.update.diagnostic import UPDATE
from analysis.weight import Weight
from tests.analysis.diagnostics.battery import blocks, changed, comparison, low_rank, randn, weight

SIDE, RANK, BLOCKS = 96, 8, 24


def steep(seed: int) -> Tensor:
    left, right = (torch.linalg.qr(randn(SIDE, SIDE, seed=2 * seed + one)).Q for one in (0, 1))
    found: Tensor = (left * torch.arange(1.0, SIDE + 1.0).pow(-0.5)) @ right.T
    return found


def factors(of: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """B with so much of its columns among the leading outputs of a matrix, and any A."""
    lead = torch.linalg.svd(of).U[:, : leading(SIDE, SIDE)]
    inside = lead @ randn(lead.shape[1], RANK, seed=seed) / lead.shape[1] ** 0.5
    left = share * inside + (1.0 - share) * randn(SIDE, RANK, seed=seed + 1) / SIDE**0.5
    return 0.05 * left, randn(RANK, SIDE, seed=seed + 2) / SIDE**0.5


BASES = blocks([steep(seed) for seed in range(BLOCKS)])


def adapters(share: float, count: int = BLOCKS) -> list[Weight]:
    return [low_rank(base, *factors(base.slices[0], share, 900 + 3 * at)) for at, base in enumerate(BASES[:count])]


def causes(tuned: list[Weight]) -> list[str]:
    found = comparison(UPDATE, [tuned], "base", "tuned")[1].findings
    return [finding.cause.name for finding in found if finding.cause]


def test_an_adapter_of_another_base_is_a_note_with_the_number() -> None:
    _, summary = comparison(UPDATE, [adapters(0.0)], "base", "tuned")
    (found,) = [one for one in summary.findings if one.cause and one.cause.name == "adapter-base"]
    assert found.severity is Severity.NOTE
    assert found.text.startswith("tuned writes among the leading outputs of base no more than chance: ")
    assert 0.8 < float(found.evidence["outputs_over_chance"] or 0.0) < 1.15
    assert "may be another base" in found.why


def test_on_its_own_base_it_is_silent() -> None:
    assert "adapter-base" not in causes(adapters(0.5))


def test_few_matrices_decide_nothing() -> None:
    assert "adapter-base" not in causes(adapters(0.0, 4))


def test_a_full_fine_tune_and_an_update_of_zero_have_no_such_number() -> None:
    base = BASES[0]
    assert outputs_over_chance(base, changed(base, base.slices[0] + 0.01 * randn(SIDE, SIDE))) == {}
    assert outputs_over_chance(base, low_rank(base, torch.zeros(SIDE, RANK), randn(RANK, SIDE))) == {}
    wide = low_rank(base, randn(SIDE, 60), randn(60, SIDE, seed=1))
    assert outputs_over_chance(base, wide) == {}
    small = weight(randn(24, 24))
    assert outputs_over_chance(small, low_rank(small, randn(24, 2), randn(2, 24))) == {}


def test_the_number_is_numpys() -> None:
    base = BASES[0]
    left, right = factors(base.slices[0], 0.4, 5)
    lead = torch.linalg.svd(base.slices[0].double()).U[:, :12]
    columns = torch.linalg.qr(left.double()).Q
    expected = float((lead.T @ columns).square().sum()) / RANK / (12 / SIDE)
    found = outputs_over_chance(base, low_rank(base, left, right))
    assert found == {"outputs_over_chance": pytest.approx(expected, rel=1e-5), "output_directions": RANK}
