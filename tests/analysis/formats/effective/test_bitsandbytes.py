"""bitsandbytes, against the formulas of its paper: nf4's table (Dettmers et al. 2023, appendix E), blocks, nesting."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.analysis.formats.effective.files import analysed, opened, skipped

NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip


def state(**said: Any) -> torch.Tensor:
    return torch.tensor(list(json.dumps(said).encode()), dtype=torch.uint8)


def four_bits(shape: list[int], **changed: Any) -> tuple[dict[str, torch.Tensor], np.ndarray[Any, Any]]:
    random = np.random.default_rng(0)
    size = int(np.prod(shape))
    codes = random.integers(0, 16, size)
    largest = random.uniform(0.5, 2, -(-size // 64)).astype(np.float32)
    packed = (codes[::2] << 4 | codes[1::2]).astype(np.uint8)
    said = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": shape} | changed
    tensors = {
        "q.weight": torch.from_numpy(packed)[:, None], "q.weight.absmax": torch.from_numpy(largest),
        "q.weight.quant_map": torch.tensor(NF4), "q.weight.quant_state.bitsandbytes__nf4": state(**said),
    }  # fmt: skip
    return tensors, (np.array(NF4)[codes] * np.repeat(largest, 64)[:size]).reshape(shape)


def test_nf4(tmp_path: Path) -> None:
    tensors, wanted = four_bits([24, 32])
    found = opened(tmp_path, tensors)
    assert analysed(found) == {"q.weight": (24, 32)}
    np.testing.assert_allclose(found.read("q.weight"), wanted, rtol=1e-6)
    assert set(skipped(found).values()) == {"a part of the quantised weight q.weight"}
    largest = tensors["q.weight.absmax"].double()
    assert found.step("q.weight") == pytest.approx(float((largest * 2 / 15).square().mean().sqrt()), rel=1e-6)


def test_nested_scales(tmp_path: Path) -> None:
    tensors, _ = four_bits([24, 32], nested_blocksize=4, nested_offset=1.25)
    random = np.random.default_rng(1)
    table, scales = np.sort(random.normal(size=256)), random.uniform(1, 2, 3)
    codes = random.integers(0, 256, 12).astype(np.uint8)
    largest = table[codes] * np.repeat(scales, 4) + 1.25
    nested = {"q.weight.nested_absmax": scales, "q.weight.nested_quant_map": table}
    tensors |= {name: torch.from_numpy(values).float() for name, values in nested.items()}
    tensors["q.weight.absmax"] = torch.from_numpy(codes)
    flat = tensors["q.weight"].numpy().reshape(-1)
    q = np.stack([flat >> 4, flat & 15], -1).reshape(-1)
    found = opened(tmp_path, tensors)
    wanted = (np.array(NF4)[q] * np.repeat(largest, 64)).reshape(24, 32)
    np.testing.assert_allclose(found.read("q.weight"), wanted, rtol=1e-5, atol=1e-6)


def test_int8(tmp_path: Path) -> None:
    q, scale = torch.randint(-127, 128, (6, 8), dtype=torch.int8), torch.rand(6) + 0.5
    tensors = {"q.weight": q, "q.SCB": scale, "q.weight_format": torch.tensor(0, dtype=torch.uint8)}
    found = opened(tmp_path, tensors)
    torch.testing.assert_close(found.read("q.weight"), q * scale[:, None] / 127)
    assert skipped(found)["q.SCB"] == "the scales of the quantised weight q.weight"


def test_int8_in_an_order_of_its_own_is_listed(tmp_path: Path) -> None:
    q = torch.randint(-127, 128, (6, 8), dtype=torch.int8)
    tensors = {"q.weight": q, "q.SCB": torch.rand(6), "q.weight_format": torch.tensor(3, dtype=torch.uint8)}
    assert "packed quantised weight (bitsandbytes)" in skipped(opened(tmp_path, tensors))["q.weight"]


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": [24, 33]}, {"shape": "24"}, {"shape": [2**50, 2**50]}, {"shape": []}, {"blocksize": 0},
        {"blocksize": True}, {"blocksize": 32}, {"nested_blocksize": 4},
    ],
)  # fmt: skip
def test_a_state_that_lies_is_not_followed(changed: dict[str, Any], tmp_path: Path) -> None:
    tensors, _ = four_bits([24, 32], **{key: value for key, value in changed.items() if key != "shape"})
    if "shape" in changed:
        tensors, _ = four_bits([24, 32])
        said = {"quant_type": "nf4", "blocksize": 64, **changed}
        tensors["q.weight.quant_state.bitsandbytes__nf4"] = state(**said)
    if "nested_blocksize" in changed:
        tensors["q.weight.nested_absmax"] = torch.rand(3)
    found = opened(tmp_path, tensors)
    assert analysed(found) == {}


@pytest.mark.parametrize("block", [64, 2**39])
def test_a_block_longer_than_the_weight_takes_no_more_memory(block: int, tmp_path: Path) -> None:
    tensors, wanted = four_bits([8, 8], blocksize=block)
    found = opened(tmp_path, tensors)
    np.testing.assert_allclose(found.read("q.weight"), wanted, rtol=1e-6)
