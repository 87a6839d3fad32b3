"""How nodes use tensors: names, orientation, codes with scales."""

from typing import Any

import pytest

from analysis.formats.onnx.graph import Graph, Node, Tensor
from analysis.formats.onnx.use import Use, uses


def node(operator: str, inputs: str, output: str = "y", name: str = "", scope: str = "", **numbers: Any) -> Node:
    return Node(operator, name, tuple(inputs.split()), (output,), numbers, scope)


def use(name: str, *nodes: Node, others: tuple[str, ...] = ()) -> Use:
    return uses(Graph("", list(nodes), [Tensor(each) for each in (name, *others)]))[name]


@pytest.mark.parametrize(
    ("nodes", "flips"),
    [
        ([node("MatMul", "x w")], True),
        ([node("MatMul", "w x")], False),
        ([node("Gemm", "x w b")], True),
        ([node("Gemm", "x w b", transB=(0,))], True),
        ([node("Gemm", "x w b", transB=(1,))], False),
        ([node("Conv", "x w")], False),
        ([node("ConvTranspose", "x w", group=(1,))], True),
        ([node("ConvTranspose", "x w", group=(2,))], False),
        ([node("Gather", "w x")], False),
        ([node("Transpose", "w", "t", perm=(1, 0)), node("MatMul", "x t")], False),
        ([node("Cast", "w", "c"), node("Identity", "c", "i"), node("MatMul", "x i")], True),
        ([], False),
    ],
)
def test_which_side_has_the_outputs(nodes: list[Node], flips: bool) -> None:
    assert use("w", *nodes).flips is flips


@pytest.mark.parametrize(
    ("name", "user", "wanted"),
    [
        ("fc.weight", node("MatMul", "x fc.weight", name="/other/MatMul"), "fc.weight"),
        ("onnx::MatMul_12", node("MatMul", "x onnx::MatMul_12", name="/blocks.0/fc/MatMul"), "blocks.0.fc.weight"),
        ("val_3", node("MatMul", "x val_3", name="node_MatMul_3", scope="blocks.0"), "blocks.0.weight"),
        ("onnx::Gemm_9", node("Gemm", "x w onnx::Gemm_9", name="/fc/Gemm"), "fc.bias"),
        ("onnx::LSTM_14", node("LSTM", "x onnx::LSTM_14", name="/rnn/LSTM"), "rnn.weight_ih_l0"),
        ("onnx::GRU_9", node("GRU", "x w onnx::GRU_9", name="/rnn/GRU_1"), "rnn.weight_hh_l1"),
        ("W", node("LSTM", "x W R", name="lstm"), "W.weight_ih"),
        ("R", node("LSTM", "x W R", name="lstm"), "W.weight_hh"),
        ("onnx::MatMul_12", node("MatMul", "x onnx::MatMul_12", name="MatMul_5"), "onnx::MatMul_12"),
        ("17", node("Reshape", "x 17", name="/fc/Reshape"), "17"),
    ],
)
def test_names_are_those_of_the_modules(name: str, user: Node, wanted: str) -> None:
    assert use(name, user).name == wanted


def test_names_that_would_be_one_stay_as_they_are() -> None:
    nodes = [node("MatMul", f"x onnx::MatMul_{number}", name="/fc/MatMul") for number in (1, 2)]
    found = uses(Graph("", nodes, [Tensor("onnx::MatMul_1"), Tensor("onnx::MatMul_2")]))
    assert {each.name for each in found.values()} == {"onnx::MatMul_1", "onnx::MatMul_2"}


def test_recurrent_layers_that_would_be_one_keep_their_kind() -> None:
    """The newer exporter of torch names nodes by numbers that are not those of the layers."""
    nodes = [node("LSTM", f"x W{at} R{at}", name=f"node_LSTM_{at}", scope="rnn") for at in (1, 2)]
    found = uses(Graph("", nodes, [Tensor(f"{leaf}{at}") for at in (1, 2) for leaf in "WR"]))
    names = {name: use.name for name, use in found.items()}
    assert names == {"W1": "W1.weight_ih", "R1": "W1.weight_hh", "W2": "W2.weight_ih", "R2": "W2.weight_hh"}


def test_scales_by_a_node_and_by_names() -> None:
    dequantised = node("DequantizeLinear", "w s z", "d", axis=(0,))
    assert use("w", dequantised, node("MatMul", "x d")) == Use("w", True, "s", "z", 0)
    integers = node("MatMulInteger", "x fc.weight_quantized")
    found = use("fc.weight_quantized", integers, others=("fc.weight_scale", "fc.weight_zero_point"))
    assert found == Use("fc.weight", True, "fc.weight_scale", "fc.weight_zero_point")


def test_scales_of_blocks_are_left() -> None:
    assert use("w", node("DequantizeLinear", "w s z", "d", block_size=(32,))).scale == ""


def test_a_constant_that_is_added_is_no_weight() -> None:
    assert use("val_1", node("Add", "x val_1")).plain
    assert not use("fc.bias", node("Add", "x fc.bias")).plain
    assert not use("val_1", node("MatMul", "x val_1")).plain
