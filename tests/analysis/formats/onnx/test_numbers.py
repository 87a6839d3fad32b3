"""Codes with scales, against onnx's own reference of DequantizeLinear."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from analysis.formats import open_checkpoint
from tests.analysis.formats.onnx.models import save


@pytest.mark.parametrize("kind", ["i1", "u1"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("with_zero", [False, True])
def test_values_are_those_of_the_reference(kind: str, axis: int | None, with_zero: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 100, (6, 4)).astype(kind)
    length = () if axis is None else codes.shape[axis]
    tensors = [numpy_helper.from_array(codes, "w"),
               numpy_helper.from_array(np.asarray(rng.uniform(0.1, 1, length), "f4"), "s")]  # fmt: skip
    inputs = ["w", "s"]
    if with_zero:
        tensors.append(numpy_helper.from_array(np.asarray(rng.integers(0, 9, length)).astype(kind), "z"))
        inputs.append("z")
    options: dict[str, Any] = {} if axis is None else {"axis": axis}
    dequantised = helper.make_node("DequantizeLinear", inputs, ["d"], **options)
    save(tmp_path / "m.onnx", tensors, [dequantised, helper.make_node("MatMul", ["x", "d"], ["y"])])
    model = onnx.load(str(tmp_path / "m.onnx"))
    evaluator: Any = ReferenceEvaluator(model)
    (wanted,) = evaluator.run(None, {"x": np.eye(6, dtype="f4")})  # the weight itself
    checkpoint = open_checkpoint([tmp_path / "m.onnx"])
    assert list(checkpoint.stored) == ["w"]
    np.testing.assert_allclose(checkpoint.read("w").numpy(), wanted.T, rtol=1e-6)
    assert {each.reason for each in checkpoint.aside.values()} == {"scales of quantised weights, no weight"}


def test_codes_of_onnxruntimes_dynamic_quantisation(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(-100, 100, (6, 4)).astype("i1")
    tensors = [
        numpy_helper.from_array(codes, "fc.weight_quantized"),
        numpy_helper.from_array(np.array(0.25, np.float32), "fc.weight_scale"),
        numpy_helper.from_array(np.array(3, np.int8), "fc.weight_zero_point"),
    ]
    node = helper.make_node("MatMulInteger", ["x", "fc.weight_quantized", "a", "fc.weight_zero_point"], ["y"])
    save(tmp_path / "m.onnx", tensors, [node])
    checkpoint = open_checkpoint([tmp_path / "m.onnx"])
    np.testing.assert_array_equal(checkpoint.read("fc.weight").numpy(), (codes.T.astype("f4") - 3) * 0.25)


def test_scales_that_do_not_fit_leave_the_codes(tmp_path: Path) -> None:
    tensors = [numpy_helper.from_array(np.ones((6, 4), "i1"), "w"), numpy_helper.from_array(np.ones(5, "f4"), "s")]
    save(tmp_path / "m.onnx", tensors, [helper.make_node("DequantizeLinear", ["w", "s"], ["y"])])
    infos = {info.name: info for info in open_checkpoint([tmp_path / "m.onnx"]).tensors}
    assert "whole numbers" in str(infos["w"].skip)
