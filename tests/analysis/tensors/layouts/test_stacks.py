"""Stacked experts and relations, against the matrices that they hold."""

import torch

from analysis.layout import Layout
from tests.analysis.tensors.layouts.examples import cut, described, laid


def test_a_stack_of_experts_with_a_bias_each_is_no_convolution() -> None:
    assert laid("layer.input_linear.weight", {"layer.input_linear.weight": (8, 256, 64)}).layout == Layout.STACK
    assert laid("bilinear.weight", {"bilinear.weight": (128, 64, 40), "bilinear.bias": (128,)}).layout == Layout.STACK


def test_relations_of_a_graph_are_matrices() -> None:
    """PyTorch Geometric's RGCNConv: (relations, in, out) beside root (in, out)."""
    found = described({"conv1.weight": (5, 16, 8), "conv1.root": (16, 8)})["conv1.weight"]
    assert (found.layout, found.transposed) == (Layout.STACK, True)
    typed = described({"layers.0.linear_r.W": (5, 16, 8)})["layers.0.linear_r.W"]  # DGL's TypedLinear
    assert (typed.layout, typed.transposed) == (Layout.STACK, True)


def test_steps_of_a_gated_graph_are_matrices() -> None:
    """PyTorch Geometric's GatedGraphConv: x @ weight[step], beside its GRU."""
    state = {"conv.weight": torch.randn(3, 64, 64), "conv.rnn.weight_ih": torch.randn(192, 64)}
    found = cut(state)
    assert torch.equal(found["conv.weight.2"].slices[0], state["conv.weight"][2].T)


def test_experts_of_gpt_oss_in_its_own_file_alternate() -> None:
    """gpt_oss/torch/model.py, swiglu: every other output is the gate."""
    state = {"block.0.mlp.mlp1_weight": torch.randn(2, 80, 40), "block.0.mlp.mlp2_weight": torch.randn(2, 40, 40),
             "block.0.mlp.mlp1_bias": torch.randn(2, 80)}  # fmt: skip
    found = cut(state)
    assert torch.equal(found["block.0.mlp.mlp1_weight.1.gate"].slices[0], state["block.0.mlp.mlp1_weight"][1, ::2])


def test_grouped_experts_of_transformer_engine_hold_gate_and_up() -> None:
    experts = "decoder.layers.0.mlp.experts"
    state = {f"{experts}.linear_fc{at}.weight{expert}": torch.randn(shape)
             for at, shape in ((1, (80, 30)), (2, (30, 40))) for expert in (0, 1)}  # fmt: skip
    labels = {weight.info.label for weight in cut(state).values()}
    assert labels == {f"Decoder block 0 · expert {expert} {part}"
                      for expert in (0, 1) for part in ("gate", "up", "down")}  # fmt: skip


def test_experts_of_dbrx_lie_below_each_other() -> None:
    """modeling_dbrx.py: silu(x · w1ᵀ) · (x · v1ᵀ), then · w2, of each expert's part of the rows."""
    ffn = "transformer.blocks.1.ffn"
    shapes = {
        "router.layer.weight": (4, 24),
        **dict.fromkeys(("experts.mlp.w1", "experts.mlp.v1", "experts.mlp.w2"), (40, 24)),
    }
    state = {f"{ffn}.{name}": torch.randn(shape) for name, shape in shapes.items()}
    found = cut(state)
    assert len(found) == 13
    for leaf, role in (("w1", "gate"), ("v1", "up")):
        weight = found[f"{ffn}.experts.2.mlp.{leaf}"]
        assert torch.equal(weight.slices[0], state[f"{ffn}.experts.mlp.{leaf}"][20:30])
        assert (weight.info.role, weight.info.label) == (role, f"Block 1 · expert 2 {role}")
    down = found[f"{ffn}.experts.3.mlp.w2"]
    assert torch.equal(down.slices[0], state[f"{ffn}.experts.mlp.w2"][30:].T)


def test_experts_of_llama_4_as_meta_has_them() -> None:
    """llama_models/llama4/moe.py: .view(experts, in, out) of each."""
    ffn = "layers.1.feed_forward"
    shapes = {"router_DE": (24, 4), "experts.moe_w_in_eD_F": (96, 10), "experts.moe_w_swiglu_eD_F": (96, 10),
              "experts.moe_w_out_eF_D": (40, 24), "w_in_shared_FD.weight": (10, 24)}  # fmt: skip
    state = {f"{ffn}.{name}": torch.randn(shape) for name, shape in shapes.items()}
    found = cut(state)
    assert len(found) == 14
    up, down = found[f"{ffn}.experts.1.moe_w_swiglu_eD_F"], found[f"{ffn}.experts.1.moe_w_out_eF_D"]
    assert torch.equal(up.slices[0], state[f"{ffn}.experts.moe_w_swiglu_eD_F"][24:48].T)
    assert torch.equal(down.slices[0], state[f"{ffn}.experts.moe_w_out_eF_D"][10:20].T)
    assert (up.info.role, down.info.role) == ("up", "down")


def test_a_matrix_beside_no_router_is_one() -> None:
    (weight,) = cut({"blocks.1.ffn.experts.mlp.w1": torch.randn(40, 24)}).values()
    assert (weight.info.rows, weight.info.columns) == (40, 24)


def test_the_router_says_which_side_of_an_expert_is_its_input() -> None:
    """Of the same names torchtitan has (experts, hidden, dim), llama-models (experts, dim, hidden)."""
    for turned in (False, True):
        shapes = {"w1": (3, 10, 8), "w3": (3, 10, 8), "w2": (3, 8, 10)}
        state = {f"layers.0.moe.experts.{leaf}": torch.randn(shape).mT if turned else torch.randn(shape)
                 for leaf, shape in shapes.items()}  # fmt: skip
        found = cut({**state, "layers.0.moe.router.gate.weight": torch.randn(3, 8)})
        sizes = {leaf: found[f"layers.0.moe.experts.2.{leaf}"].slices.shape for leaf in shapes}
        assert sizes == {"w1": (1, 10, 8), "w3": (1, 10, 8), "w2": (1, 8, 10)}


def test_one_expert_alone_is_cut_as_several_are() -> None:
    """A shard that holds one expert."""
    found = cut(
        {
            "layers.0.mlp.experts.gate_up_proj": torch.randn(1, 6, 4),
            "layers.0.mlp.experts.down_proj": torch.randn(1, 4, 3),
        }
    )
    assert list(found) == ["layers.0.mlp.experts.0.gate_proj", "layers.0.mlp.experts.0.up_proj",
                           "layers.0.mlp.experts.0.down_proj"]  # fmt: skip
