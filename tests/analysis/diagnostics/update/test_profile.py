"""Where the change sits, of matrices whose updates are known."""

import pytest
import torch

from analysis.diagnostic import Measurement, Row
from analysis.diagnostics.update.profile import find_concentration, place_findings, profile
from analysis.weight import WeightInfo


def row(depth: int | None, norm: float | None, role: str = "down", rows: int = 10) -> Row:
    name = f"layers.{depth}.mlp.{role}_proj.weight" if depth is not None else "head.weight"
    return Row(WeightInfo(name, name, rows, 10, 1, role, depth), (0, 1), Measurement({"norm": norm}))


def test_shares_by_hand() -> None:
    rows = [row(0, 1.0), row(1, 1.0, "up"), row(2, 2.0), row(None, 2.0, "head"), row(3, None)]
    found = profile(rows)
    assert found is not None
    assert found.blocks == {0: 0.1, 1: 0.1, 2: 0.4}
    assert found.roles == {"down": 0.5, "head": 0.4, "up": 0.1}
    assert found.sizes == {0: 0.25, 1: 0.25, 2: 0.25}
    assert (found.third(last=False), found.third(last=True)) == (0.1, 0.4)
    assert found.numbers() == {
        "energy_first_third": 0.1,
        "energy_last_third": 0.4,
        "energy_down": 0.5,
        "energy_head": 0.4,
        "energy_up": 0.1,
    }


def test_thirds_need_three_blocks() -> None:
    found = profile([row(0, 1.0), row(1, 1.0)])
    assert found is not None
    assert found.third(last=True) is None
    assert find_concentration(found) is None


def test_nothing_has_no_profile() -> None:
    assert profile([]) is None
    assert profile([row(0, 0.0), row(1, None)]) is None
    assert place_findings([row(0, 0.0)], "x") == []


def test_the_last_blocks_are_named_with_what_an_even_change_would_give() -> None:
    rows = [row(d, 3.0 if d > 3 else 1.0) for d in range(6)] + [row(d, 1.0, "up") for d in range(6)]
    (finding,) = place_findings(rows, "LoRA r=8")
    share = 20.0 / 28.0
    assert finding.text == "LoRA r=8: 71.4 % of the change sits in blocks 4 and 5, mostly MLP down"
    assert finding.why == "Share of Σ‖ΔW‖² over all compared weights. That part of the network holds 33.3 % of them."
    assert finding.evidence == pytest.approx(
        {"share": share, "share_of_weights": 1 / 3, "block_4": share / 2, "block_5": share / 2}
    )


def test_shallow_layers_too() -> None:
    """As in robust weight signatures, which sit in the first layers."""
    (finding,) = place_findings([row(d, 4.0 if d == 0 else 1.0) for d in range(12)], "robust")
    assert finding.text == "robust: 59.3 % of the change sits in block 0"


def test_an_even_change_sits_nowhere() -> None:
    sizes = 1.0 + 0.1 * torch.rand(12, generator=torch.Generator().manual_seed(0))
    assert place_findings([row(depth, float(size)) for depth, size in enumerate(sizes)], "full") == []
