"""Heads out of configurations as Hugging Face models have them, written in their own words."""

from typing import Any

import pytest

from analysis.attention import GROUPS, PARTS, Attention, attention_facts, attention_of, fits_groups

LLAMA = {"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8}
FALCON = {"model_type": "falcon", "hidden_size": 4544, "num_attention_heads": 71, "num_kv_heads": 71}


def heads(config: dict[str, Any], name: str = "model.layers.0.self_attn.q_proj.weight") -> Attention | None:
    return attention_of(attention_facts(config), name)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LLAMA, Attention(32, 8, 128)),
        (LLAMA | {"num_key_value_heads": None}, Attention(32, 32, 128)),
        (LLAMA | {"head_dim": 256}, Attention(32, 8, 256)),
        ({"model_type": "gpt2", "n_head": 12, "n_embd": 768}, Attention(12, 12, 64)),
        ({"model_type": "t5", "d_model": 512, "num_heads": 6, "d_kv": 64}, Attention(6, 6, 64)),
        ({"model_type": "gpt_neox", "hidden_size": 64, "num_attention_heads": 4}, Attention(4, 4, 16, order=GROUPS)),
        ({"model_type": "bloom", "hidden_size": 64, "n_head": 4}, Attention(4, 4, 16, order=GROUPS)),
        (FALCON | {"multi_query": True}, Attention(71, 1, 64, order=GROUPS)),
        (FALCON | {"multi_query": False}, Attention(71, 71, 64, order=GROUPS)),
        (
            {**FALCON, "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
             "new_decoder_architecture": True},
            Attention(128, 8, 64, order=GROUPS),
        ),
        (
            {"model_type": "chatglm", "hidden_size": 4096, "num_attention_heads": 32, "multi_query_attention": True,
             "multi_query_group_num": 2, "kv_channels": 128},
            Attention(32, 2, 128, order=PARTS),
        ),
        (
            {"model_type": "mpt", "d_model": 64, "n_heads": 8, "attn_config": {"kv_n_heads": 2}},
            Attention(8, 2, 8),
        ),
        (
            {"model_type": "deepseek_v3", "hidden_size": 7168, "num_attention_heads": 128, "num_key_value_heads": 128,
             "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128},
            Attention(128, 128, 192, 128),
        ),
    ],
)  # fmt: skip
def test_configurations(config: dict[str, Any], expected: Attention) -> None:
    assert heads(config) == expected


@pytest.mark.parametrize(
    "config",
    [{}, {"hidden_size": 64}, {"num_attention_heads": "12"}, {"num_attention_heads": True}, {"n_head": -4},
     {"num_attention_heads": 12.5}, {"num_attention_heads": 1 << 40}, {"num_attention_heads": [4, 8]}],
)  # fmt: skip
def test_what_says_no_heads(config: dict[str, Any]) -> None:
    assert heads(config) is None


def test_groups_that_do_not_divide_the_heads_are_no_groups() -> None:
    assert attention_facts({"num_attention_heads": 12, "num_key_value_heads": 5}) == {"heads": 12}


VISION = "model.vision_tower.encoder.layers.0.self_attn.q_proj.weight"


def test_each_part_of_a_model_has_its_own_heads() -> None:
    config = {"model_type": "llava", "text_config": LLAMA, "vision_config": {"num_attention_heads": 16}}
    assert heads(config, "model.language_model.layers.0.self_attn.q_proj.weight") == Attention(32, 8, 128)
    assert heads(config, "model.layers.0.self_attn.q_proj.weight") == Attention(32, 8, 128)
    assert heads(config, VISION) == Attention(16, 16)
    assert heads({"text_config": LLAMA, "vision_config": {}}, VISION) is None  # not the text's


def test_a_text_model_whose_vision_part_has_a_configuration_of_its_own() -> None:
    config = LLAMA | {"model_type": "qwen2_vl", "vision_config": {"num_heads": 16, "embed_dim": 1280}}
    assert heads(config, "visual.blocks.0.attn.proj.weight") == Attention(16, 16, 80)
    assert heads(config) == Attention(32, 8, 128)


def test_an_encoder_and_a_decoder() -> None:
    config = {"model_type": "bart", "d_model": 64, "encoder_attention_heads": 8, "decoder_attention_heads": 4}
    assert heads(config, "model.encoder.layers.0.self_attn.q_proj.weight") == Attention(8, 8, 8)
    assert heads(config, "model.decoder.layers.0.self_attn.q_proj.weight") == Attention(4, 4, 16)


def test_a_model_of_one_part_is_that_part_whatever_its_name() -> None:
    assert heads({"num_attention_heads": 12, "hidden_size": 768}, VISION) == Attention(12, 12, 64)


def test_how_many_outputs_are_queries() -> None:
    assert fits_groups(4672, Attention(71, 1, 64)) == 4544
    assert fits_groups(9216, Attention(128, 8, 64)) == 8192
    assert fits_groups(9217, Attention(128, 8, 64)) == 0
    assert fits_groups(9216, Attention(128, 8, 128)) == 0
