"""Names of adapters that PEFT did not save, as their tools write them."""

import pytest

from analysis.adapters.makes import flattened, is_factor, is_foreign, make_of, part_of, says_its_scale, unflattened
from analysis.adapters.names import modules

FLAT = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
NAMES = {
    f"{FLAT}.lora_down.weight": ("mid_block_attentions_0_transformer_blocks_0_attn1_to_q", "lora_A", True),
    "lora_te2_text_model_encoder_layers_0_fc1.lora_up.weight": ("text_model_encoder_layers_0_fc1", "lora_B", True),
    "lora_te_text_model_encoder_layers_0_mlp_fc1.alpha": ("text_model_encoder_layers_0_mlp_fc1", "alpha", True),
    "lycoris_blocks_3_attn_qkv.lokr_w1": ("blocks_3_attn_qkv", "lokr_w1", True),
    f"{FLAT}.hada_w2_b": ("mid_block_attentions_0_transformer_blocks_0_attn1_to_q", "hada_w2_b", True),
    "unet.mid_block.attn1.to_q.lora.up.weight": ("unet.mid_block.attn1.to_q", "lora_B", False),
    "unet.mid_block.attn1.to_q.lora_linear_layer.down.weight": ("unet.mid_block.attn1.to_q", "lora_A", False),
    "mid_block.attn1.processor.to_out_lora.down.weight": ("mid_block.attn1.to_out.0", "lora_A", False),
    "diffusion_model.blocks.0.q.lora_B.weight": ("diffusion_model.blocks.0.q", "lora_B", False),
    "model.layers.0.self_attn.q_proj.lora_a": ("model.layers.0.self_attn.q_proj", "mlx_a", False),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_says_the_module_and_what_the_tensor_is(name: str) -> None:
    assert part_of(name) == NAMES[name]


@pytest.mark.parametrize("name", ["model.layers.0.q_proj.weight", "alpha", "lora_down.weight", "", "q.lora_A.bias"])
def test_other_names_are_none_of_these(name: str) -> None:
    assert part_of(name) is None
    assert not is_factor(name)


def test_a_module_s_tensors_belong_together() -> None:
    names = [f"{FLAT}.alpha", f"{FLAT}.lora_down.weight", f"{FLAT}.lora_up.weight"]
    (found,) = modules(names)
    assert (found.tensors, found.flat, found.whole) == (tuple(names), True, False)
    assert found.name == "mid_block_attentions_0_transformer_blocks_0_attn1_to_q.weight"


def test_whose_naming_it_is_and_whether_it_says_its_scale() -> None:
    kohya = [f"{FLAT}.lora_down.weight", f"{FLAT}.lora_up.weight"]
    mlx = ["layers.0.q.lora_a", "layers.0.q.lora_b"]
    peft = ["base_model.model.q.lora_A.weight", "base_model.model.q.lora_B.weight"]
    diffusers = ["unet.q.lora_A.weight", "unet.q.lora_B.weight"]
    bare = ["layers.0.q.lora_A.weight", "layers.0.q.lora_B.weight"]
    lycoris = ["lycoris_q.lokr_w1", "lycoris_q.lokr_w2"]
    assert [is_foreign(names) for names in (kohya, mlx, peft, diffusers, bare)] == [True, True, False, True, True]
    assert [says_its_scale(names) for names in (kohya, mlx, diffusers, bare)] == [True, False, True, False]
    assert [make_of(names) for names in (kohya, mlx, diffusers, lycoris)] == ["kohya", "MLX", "diffusers", "LyCORIS"]
    assert not is_foreign(["q.weight", "k.weight", "q.alpha"])


def test_dots_come_back_from_the_base() -> None:
    names = ["unet.down.0.to_q.weight", "te.down.0.to_q.weight", "proj_out.weight", "net.2.proj_out.weight"]
    base = flattened(names)
    assert unflattened("unet_down_0_to_q", base) == ["unet.down.0.to_q.weight"]
    assert unflattened("proj_out", base) == ["proj_out.weight"]
    assert unflattened("down_0_to_q", base) == names[:2]
    assert unflattened("else", base) == []
