"""Gates beside their up projections, and which side of a matrix comes first."""

import torch

from analysis.layout import Layout
from tests.analysis.tensors.layouts.examples import cut, described, laid


def test_gate_and_up_are_told_by_the_matrix_that_follows() -> None:
    """ModernBERT: Wo reads half of what Wi gives, input before gate: act(input) * gate."""
    state = {"layers.0.mlp.Wi.weight": torch.randn(96, 16), "layers.0.mlp.Wo.weight": torch.randn(16, 48)}
    found = cut(state)
    assert torch.equal(found["layers.0.mlp.Wi.weight.gate"].slices[0], state["layers.0.mlp.Wi.weight"][:48])
    assert found["layers.0.mlp.Wo.weight"].info.role == "down"


def test_a_plain_mlp_is_no_gate() -> None:
    """LightGlue: fc2 halves the width, though it reads all that fc1 gives."""
    shapes = {"layers.0.mlp.fc1.weight": (64, 64), "layers.0.mlp.fc2.weight": (32, 64)}
    assert laid("layers.0.mlp.fc1.weight", shapes, "up").layout == Layout.MATRIX


def test_gated_layers_of_unknown_order_stay_whole_and_say_so() -> None:
    found = described({"blocks.0.mlp.fc1.weight": (96, 16), "blocks.0.mlp.fc2.weight": (16, 48)})
    info = found["blocks.0.mlp.fc1.weight"]
    assert (info.layout, info.role, info.label) == (Layout.MATRIX, "gate_up", "Block 0 · MLP gate and up")


def test_geglu_of_diffusers_has_its_gate_last() -> None:
    state = {"blocks.0.ff.net.0.proj.weight": torch.randn(64, 8), "blocks.0.ff.net.2.weight": torch.randn(8, 32)}
    found = cut(state)
    assert torch.equal(
        found["blocks.0.ff.net.0.proj.weight.gate"].slices[0], state["blocks.0.ff.net.0.proj.weight"][32:]
    )


def test_a_bias_as_long_as_the_columns_says_that_inputs_come_first() -> None:
    """DGL's GraphConv and TensorFlow's dense layers under other names."""
    found = described(
        {"layers.0.weight": (5, 9), "layers.0.bias": (9,), "layers.1.weight": (9, 4), "layers.1.bias": (9,)}
    )
    assert [found[name].transposed for name in ("layers.0.weight", "layers.1.weight")] == [True, False]
