"""Quantised weights that stay packed: none of their tensors is analysed, and each has its reason."""

from pathlib import Path

import pytest
import torch

from tests.analysis.formats.effective.files import analysed, opened, skipped

CODES = torch.randint(0, 255, (16, 8), dtype=torch.uint8)
REAL = torch.rand(16, 8)
KINDS = {
    "HQQ": {"q.W_q": CODES, "q.scale": REAL, "q.zero": REAL.clone(), "q.group_size": torch.tensor(64)},
    "quanto": {"q.weight._data": CODES, "q.weight._scale": REAL, "q.input_scale": torch.ones(()),
               "q.output_scale": torch.ones(())},
    "AQLM": {"q.codes": CODES.view(16, 8, 1), "q.codebooks": torch.rand(1, 16, 1, 8), "q.scales": REAL},
    "Marlin": {"q.B": CODES.to(torch.int32), "q.s": REAL},
    "QuIP#": {"q.Qidxs": CODES.to(torch.int64), "q.SU": REAL, "q.SV": REAL.clone()},
    "VPTQ": {"q.indices": CODES.to(torch.int32), "q.centroids.weight": REAL,
             "q.weight_scale": REAL.clone(), "q.centroids": REAL.clone()},
    "EETQ": {"q.qweight": CODES.view(torch.int8), "q.weight_scales": torch.rand(16)},
    "ModelOpt": {"q.weight": CODES, "q.weight_scale": REAL.to(torch.float8_e4m3fn), "q.weight_scale_2": torch.ones(())},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_listed_with_its_reason(kind: str, tmp_path: Path) -> None:
    found = opened(tmp_path, {**KINDS[kind], "o.weight": torch.randn(8, 8), "q.bias": torch.rand(16)})
    assert [name for name in analysed(found) if name.startswith("q.") and name != "q.centroids.weight"] == []
    assert any(f"packed quantised weight ({kind})" in why for why in skipped(found).values())
    assert "o.weight" in analysed(found)


def test_the_same_words_without_codes_are_weights(tmp_path: Path) -> None:
    names = ("q.weight", "q.scale", "vq.codes", "vq.codebooks")
    found = opened(tmp_path, {name: torch.randn(8, 8) for name in names})
    assert set(analysed(found)) == {"q.weight", "vq.codes", "vq.codebooks"}
    assert skipped(found) == {"q.scale": "a gain, no matrix"}  # by its name, and not as the scales of codes
