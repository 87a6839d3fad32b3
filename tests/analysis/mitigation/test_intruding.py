"""Finding intruders: the count of the diagnostic, and a change that takes them away."""

from pathlib import Path

import torch

from analysis.engine.comparison import open_comparison
from analysis.mitigation.intruding import intruding
from analysis.mitigation.options import MitigationOptions
from tests.analysis.mitigation import planted


def test_a_planted_direction_is_found_and_its_change_takes_it_away(tmp_path: Path) -> None:
    out, into = (
        torch.linalg.qr(torch.randn(side, 6, generator=torch.Generator().manual_seed(side))).Q for side in (40, 20)
    )
    old = out * torch.tensor([9.0, 8, 7, 6, 5, 0]) @ into.mT
    new = out * torch.tensor([9.0, 8, 7, 6, 5, 30]) @ into.mT
    base = planted.saved(tmp_path / "base", {"layers.0.q.weight": old, "layers.1.q.weight": old})
    tuned = planted.saved(tmp_path / "tuned", {"layers.0.q.weight": new, "layers.1.q.weight": old})
    comparison = open_comparison((base, tuned), ("base", "tuned"), ())
    (first,), (second,) = (
        intruding(comparison, row, MitigationOptions(factor=0.0, k=5)) for row in comparison.alignment.rows
    )
    assert (first.count, second.count, second.change) == (1, 0, None)
    assert first.change is not None
    assert torch.allclose(new + (first.change.left @ first.change.right).float(), old, atol=1e-4)


def test_what_cannot_be_measured_is_a_note(tmp_path: Path) -> None:
    broken = torch.randn(12, 9)
    broken[3, 4] = torch.inf
    base = planted.saved(tmp_path / "base", {"layers.0.q.weight": torch.randn(12, 9)})
    tuned = planted.saved(tmp_path / "tuned", {"layers.0.q.weight": broken})
    comparison = open_comparison((base, tuned), ("base", "tuned"), ())
    (found,) = intruding(comparison, comparison.alignment.rows[0], MitigationOptions())
    assert found.count is None
    assert found.note == "tuned: 1 of 108 values are NaN or infinite"
