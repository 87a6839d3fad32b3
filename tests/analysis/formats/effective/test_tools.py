"""Each tool's own layout of a quantised layer: its exact values, or every part listed and none analysed."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.analysis.formats.effective.files import analysed, opened, skipped
from tests.analysis.formats.effective.tools import LISTED, VALUES


@pytest.mark.parametrize("tool", VALUES)
def test_the_values_are_those_of_the_tool(tool: str, tmp_path: Path) -> None:
    layer = VALUES[tool]()
    found = opened(tmp_path, {**layer.tensors, "q.bias": torch.rand(8)}, layer.config)
    assert layer.values is not None
    assert analysed(found) == {"q.weight": layer.values.shape}
    (info,) = (info for info in found.tensors if info.skip is None)
    np.testing.assert_allclose(found.read(info.name).double().numpy(), layer.values, rtol=1e-6)
    assert set(skipped(found)) == layer.tensors.keys() - {info.name} | {"q.bias"}
    step = found.step(info.name)
    assert step is None or step > 0


@pytest.mark.parametrize("tool", LISTED)
def test_what_stays_packed_is_listed(tool: str, tmp_path: Path) -> None:
    found = opened(tmp_path, {**LISTED[tool], "o.weight": torch.randn(8, 8), "q.bias": torch.rand(8)})
    assert analysed(found) == {"o.weight": (8, 8)}
    told = skipped(found)
    assert any(f"packed quantised weight ({tool})" in why for why in told.values())
    assert set(told) == {*LISTED[tool], "q.bias"}


@pytest.mark.parametrize("tool", VALUES)
@pytest.mark.parametrize("side", [0, -1])
def test_parts_of_another_shape_are_never_multiplied(tool: str, side: int, tmp_path: Path) -> None:
    """Every part in turn loses a slice: the layer is listed, or, where its codes are the shorter, a smaller weight."""
    layer = VALUES[tool]()
    assert layer.values is not None
    for at, (name, tensor) in enumerate(layer.tensors.items()):
        if tensor.ndim == 0 or tensor.shape[side] == 1 or "shape" in name:
            continue
        folder = tmp_path / str(at)
        folder.mkdir()
        shorter = tensor.narrow(side, 0, tensor.shape[side] - 1)
        found = opened(folder, {**layer.tensors, name: shorter}, layer.config)
        for info in found.tensors:
            if info.skip is None:
                assert tuple(found.read(info.name).shape) == info.shape != layer.values.shape
                assert "scale" not in name


LIES = (
    {"bits": 4, "group_size": 2**31}, {"bits": 8, "group_size": 2**40}, {"weight_block_size": [2**40, 2**40]},
    {"mode": "mxfp4", "bits": 4, "group_size": 2**62},
    {"config_groups": {"g": {"weights": {"num_bits": 8, "group_size": 2**40}}}},
)  # fmt: skip


@pytest.mark.parametrize("tool", VALUES)
def test_no_count_that_a_config_states_is_made(tool: str, tmp_path: Path) -> None:
    """Whatever is said of groups and blocks, no more memory is taken than the tensors need."""
    layer = VALUES[tool]()
    for place, lie in enumerate(LIES):
        folder = tmp_path / str(place)
        folder.mkdir()
        found = opened(folder, layer.tensors, {"quantization_config": lie})
        tracemalloc.start()
        for info in found.tensors:
            if info.skip is None:
                found.read(info.name)
                found.step(info.name)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**22


def test_a_kernel_of_keras_is_not_multiplied_by_what_keras_divides_by(tmp_path: Path) -> None:
    tensors = {"dense/kernel": torch.ones(8, 8, dtype=torch.int8), "dense/kernel_scale": torch.rand(8)}
    found = opened(tmp_path, tensors)
    assert analysed(found) == {}
    assert skipped(found)["dense/kernel"].startswith("packed quantised weight (Keras)")
