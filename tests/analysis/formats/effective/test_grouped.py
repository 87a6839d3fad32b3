"""HQQ and quanto: tables of codes whose rows or columns are groups. Their values are tested in test_tools.py."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.analysis.formats.effective.files import analysed, opened, skipped
from tests.analysis.formats.effective.tools import draw, float_of, hqq, real

STEM = "model.layers.3.self_attn.q_proj"


def quanto(stem: str, outputs: int, inputs: int, size: int) -> tuple[dict[str, Tensor], np.ndarray]:
    """A layer of 4 bits in groups of `size`, as quanto keeps it, and its values."""
    table = draw(outputs * inputs // size, size)
    packed = torch.from_numpy((table[: len(table) // 2] | table[len(table) // 2 :] << 4).astype(np.uint8))
    scale, shift = real(len(table), 1), real(len(table), 1)
    tensors = {f"{stem}.weight._data._data": packed, f"{stem}.weight._scale": scale, f"{stem}.weight._shift": shift}
    return tensors, (float_of(scale) * table - float_of(shift)).reshape(outputs, inputs)


def test_the_shape_of_quanto_is_that_of_the_bias(tmp_path: Path) -> None:
    tensors, values = quanto(STEM, 8, 256, 128)
    found = opened(tmp_path, {**tensors, f"{STEM}.bias": torch.rand(8)})
    assert analysed(found) == {f"{STEM}.weight": (8, 256)}
    np.testing.assert_allclose(found.read(f"{STEM}.weight._data._data"), values, rtol=1e-6)


@pytest.mark.parametrize(("role", "shape"), [("self_attn.k_proj", (8, 256)), ("mlp.down_proj", (256, 128))])
def test_or_that_of_the_norms_of_its_block(role: str, shape: tuple[int, int], tmp_path: Path) -> None:
    """Keys take the states of 256, and the end of the MLP gives them."""
    tensors, values = quanto(f"model.layers.3.{role}", *shape, 64 if role == "self_attn.k_proj" else 32)
    norms = {f"model.layers.3.{name}.weight": torch.rand(256) for name in ("input_layernorm", "post_layernorm")}
    inner = {"model.layers.3.self_attn.q_norm.weight": torch.rand(32)}
    found = opened(tmp_path, {**tensors, **norms, **inner})
    assert analysed(found) == {f"model.layers.3.{role}.weight": shape}
    np.testing.assert_allclose(found.read(f"model.layers.3.{role}.weight._data._data"), values, rtol=1e-6)


@pytest.mark.parametrize("stem", [STEM, "features.0"])
def test_where_nothing_says_it_the_layer_is_listed(stem: str, tmp_path: Path) -> None:
    """A convolution's groups may go over several of its positions: its bias does not tell them."""
    tensors, _ = quanto(stem, 8, 256, 128)
    bias = {f"{stem}.bias": torch.rand(8)} if stem == "features.0" else {}
    found = opened(tmp_path, {**tensors, **bias})
    assert analysed(found) == {}
    assert "does not say the shape" in skipped(found)[f"{stem}.weight._data._data"]


@pytest.mark.parametrize("leaf", ["shape", "axis", "packing", "scale"])
@pytest.mark.parametrize("value", [2**62, -1, 0])
def test_settings_of_hqq_that_lie_are_listed(leaf: str, value: int, tmp_path: Path) -> None:
    """Whatever size the settings state, nothing of that size is made."""
    layer = hqq(4, 1)
    lie = torch.full((2,), value) if leaf in ("shape", "packing") else torch.tensor(value if leaf == "axis" else 1)
    lie = torch.tensor(2**40) if leaf == "axis" and value == 0 else lie
    found = opened(tmp_path, {**layer.tensors, f"q.{leaf}": lie})
    assert analysed(found) == {}
    assert "(HQQ)" in skipped(found)["q.W_q"]
