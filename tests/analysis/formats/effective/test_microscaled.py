"""4-bit floats with scales of small blocks, against transformers' MXFP4; more tools are in test_tools.py."""

from pathlib import Path

import numpy as np
import torch
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from tests.analysis.formats.effective.files import analysed, opened


def test_mxfp4_as_transformers_converts_it(tmp_path: Path) -> None:
    packed = torch.randint(0, 256, (3, 64, 2, 16), dtype=torch.uint8)
    scales = torch.randint(120, 130, (3, 64, 2), dtype=torch.uint8)
    name = "model.layers.0.mlp.experts.down_proj"
    found = opened(tmp_path, {f"{name}_blocks": packed, f"{name}_scales": scales})
    wanted = convert_moe_packed_tensors(packed, scales, dtype=torch.float32)
    assert torch.equal(found.read(f"{name}_blocks"), wanted)
    assert analysed(found) == {name: (3, 64, 64)}


def test_nvfp4(tmp_path: Path) -> None:
    table = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    random = np.random.default_rng(0)
    codes = random.integers(0, 16, (8, 32))
    packed = torch.from_numpy((codes[:, ::2] | codes[:, 1::2] << 4).astype(np.uint8))
    scale, whole = (torch.rand(8, 2) * 8).to(torch.float8_e4m3fn), torch.tensor([50.0])
    wanted = np.where(codes > 7, -1.0, 1.0) * table[codes % 8] * np.repeat(scale.float().numpy(), 16, 1) / 50
    tensors = {"q.weight_packed": packed, "q.weight_scale": scale, "q.weight_global_scale": whole}
    found = opened(tmp_path, tensors)
    np.testing.assert_allclose(found.read("q.weight_packed"), wanted, rtol=1e-6)
    assert analysed(found) == {"q.weight": (8, 32)}
