"""Names that real checkpoints have, as their authors' files spell them."""

import time

import pytest

from analysis.names import ROLES, depth_of, label_of, role_of

REAL = [
    # BERT (Hugging Face)
    ("embeddings.word_embeddings.weight", "embedding", None, "Word embedding"),
    ("bert.embeddings.token_type_embeddings.weight", "embedding", None, "Token type embedding"),
    ("embeddings.position_embeddings.weight", "position", None, "Position embedding"),
    ("embeddings.LayerNorm.weight", "norm", None, None),
    ("embeddings.LayerNorm.bias", "bias", None, None),
    ("encoder.layer.4.attention.self.query.weight", "q", 4, "Block 4 · query"),
    ("encoder.layer.4.attention.self.key.weight", "k", 4, "Block 4 · key"),
    ("bert.encoder.layer.11.attention.self.value.weight", "v", 11, "Block 11 · value"),
    ("encoder.layer.0.attention.output.dense.weight", "o", 0, "Block 0 · attention output"),
    ("encoder.layer.0.attention.output.LayerNorm.weight", "norm", 0, None),
    ("encoder.layer.0.intermediate.dense.weight", "up", 0, "Block 0 · MLP up"),
    ("encoder.layer.0.output.dense.weight", "down", 0, "Block 0 · MLP down"),
    ("encoder.layer.0.output.dense.bias", "bias", 0, None),
    ("pooler.dense.weight", "pooler", None, "Pooler"),
    ("cls.predictions.decoder.weight", "head", None, "Output head"),
    ("cls.predictions.transform.dense.weight", "head", None, None),
    ("distilbert.transformer.layer.2.attention.q_lin.weight", "q", 2, None),
    ("distilbert.transformer.layer.2.attention.out_lin.weight", "o", 2, None),
    ("distilbert.transformer.layer.2.ffn.lin1.weight", "up", 2, None),
    ("distilbert.transformer.layer.2.ffn.lin2.weight", "down", 2, None),
    ("classifier.weight", "head", None, "Output head"),
    ("qa_outputs.weight", "head", None, None),
    # LLaMA and its kin
    ("model.embed_tokens.weight", "embedding", None, "Word embedding"),
    ("model.layers.31.self_attn.q_proj.weight", "q", 31, "Block 31 · query"),
    ("model.layers.31.self_attn.k_proj.weight", "k", 31, None),
    ("model.layers.31.self_attn.v_proj.weight", "v", 31, None),
    ("model.layers.31.self_attn.o_proj.weight", "o", 31, None),
    ("model.layers.0.mlp.gate_proj.weight", "gate", 0, "Block 0 · MLP gate"),
    ("model.layers.0.mlp.up_proj.weight", "up", 0, None),
    ("model.layers.0.mlp.down_proj.weight", "down", 0, None),
    ("model.layers.0.input_layernorm.weight", "norm", 0, None),
    ("model.layers.0.self_attn.q_norm.weight", "norm", 0, None),
    ("model.norm.weight", "norm", None, None),
    ("lm_head.weight", "head", None, "Output head"),
    ("model.layers.3.mlp.gate_up_proj.weight", "gate_up", 3, None),
    ("model.layers.3.self_attn.qkv_proj.weight", "qkv", 3, "Block 3 · query, key and value"),
    ("layers.5.attention.wq.weight", "q", 5, None),
    ("layers.5.attention.wo.weight", "o", 5, None),
    ("layers.5.feed_forward.w1.weight", "gate", 5, None),
    ("layers.5.feed_forward.w2.weight", "down", 5, None),
    ("layers.5.feed_forward.w3.weight", "up", 5, None),
    ("tok_embeddings.weight", "embedding", None, None),
    ("output.weight", "head", None, None),
    # mixtures of experts
    ("model.layers.7.block_sparse_moe.gate.weight", "router", 7, "Block 7 · router"),
    ("model.layers.7.block_sparse_moe.experts.3.w2.weight", "down", 7, "Block 7 · expert 3 down"),
    ("model.layers.7.mlp.experts.17.up_proj.weight", "up", 7, "Block 7 · expert 17 up"),
    ("model.layers.7.mlp.gate.weight", "router", 7, None),
    ("model.layers.7.mlp.router.weight", "router", 7, None),
    ("model.layers.7.mlp.shared_expert.up_proj.weight", "up", 7, "Block 7 · shared expert up"),
    ("model.layers.7.mlp.experts.gate_up_proj", "gate_up", 7, None),
    ("model.layers.7.mlp.experts.gate_up_proj_bias", "bias", 7, None),
    # GPT-2, GPT-NeoX, OPT, Falcon, MPT
    ("wte.weight", "embedding", None, "Word embedding"),
    ("transformer.wpe.weight", "position", None, "Position embedding"),
    ("h.0.attn.c_attn.weight", "qkv", 0, None),
    ("transformer.h.11.attn.c_proj.weight", "o", 11, None),
    ("h.0.mlp.c_fc.weight", "up", 0, None),
    ("h.0.mlp.c_proj.weight", "down", 0, None),
    ("h.0.ln_1.weight", "norm", 0, None),
    ("ln_f.weight", "norm", None, None),
    ("h.0.attn.bias", "bias", 0, None),
    ("gpt_neox.layers.2.attention.query_key_value.weight", "qkv", 2, None),
    ("gpt_neox.layers.2.attention.dense.weight", "o", 2, None),
    ("gpt_neox.layers.2.mlp.dense_h_to_4h.weight", "up", 2, None),
    ("gpt_neox.layers.2.mlp.dense_4h_to_h.weight", "down", 2, None),
    ("gpt_neox.embed_in.weight", "embedding", None, None),
    ("embed_out.weight", "head", None, None),
    ("model.decoder.layers.1.self_attn.out_proj.weight", "o", 1, "Decoder block 1 · attention output"),
    ("model.decoder.layers.1.fc1.weight", "up", 1, None),
    ("model.decoder.layers.1.fc2.weight", "down", 1, None),
    ("model.decoder.embed_positions.weight", "position", None, None),
    ("transformer.blocks.9.attn.Wqkv.weight", "qkv", 9, None),
    ("transformer.blocks.9.ffn.up_proj.weight", "up", 9, None),
    # T5
    ("shared.weight", "embedding", None, "Word embedding"),
    ("encoder.block.3.layer.0.SelfAttention.q.weight", "q", 3, "Block 3 · query"),
    ("encoder.block.3.layer.0.SelfAttention.o.weight", "o", 3, None),
    ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "position", 0, None),
    ("encoder.block.3.layer.1.DenseReluDense.wi_0.weight", "gate", 3, None),
    ("encoder.block.3.layer.1.DenseReluDense.wi_1.weight", "up", 3, None),
    ("encoder.block.3.layer.1.DenseReluDense.wo.weight", "down", 3, None),
    ("encoder.block.3.layer.0.layer_norm.weight", "norm", 3, None),
    ("decoder.block.3.layer.1.EncDecAttention.k.weight", "k", 3, "Decoder block 3 · cross-attention key"),
    # ViT (timm), ViT (Hugging Face), CLIP
    ("patch_embed.proj.weight", "embedding", None, "Patch embedding"),
    ("pos_embed", "position", None, "Position embedding"),
    ("blocks.10.attn.qkv.weight", "qkv", 10, None),
    ("blocks.10.attn.proj.weight", "o", 10, "Block 10 · attention output"),
    ("blocks.10.mlp.fc1.weight", "up", 10, None),
    ("blocks.10.mlp.fc2.weight", "down", 10, None),
    ("blocks.10.norm1.weight", "norm", 10, None),
    ("head.weight", "head", None, None),
    ("vit.embeddings.patch_embeddings.projection.weight", "embedding", None, "Patch embedding"),
    ("vit.encoder.layer.1.attention.attention.query.weight", "q", 1, None),
    ("vit.encoder.layer.1.attention.output.dense.weight", "o", 1, None),
    ("vit.encoder.layer.1.intermediate.dense.weight", "up", 1, None),
    ("vit.encoder.layer.1.layernorm_before.weight", "norm", 1, None),
    ("vision_model.encoder.layers.2.self_attn.k_proj.weight", "k", 2, "Vision block 2 · key"),
    ("text_model.encoder.layers.2.mlp.fc1.weight", "up", 2, "Text block 2 · MLP up"),
    # ResNet, VGG, ConvNeXt
    ("conv1.weight", "conv", None, "Conv1"),
    ("layer2.1.conv2.weight", "conv", 1, "Block 1 · conv2"),
    ("layer2.0.downsample.0.weight", "conv", 0, "Block 0 · downsample.0"),
    ("bn1.weight", "norm", None, None),
    ("fc.weight", "head", None, "Output head"),
    # torch.nn
    ("transformer.layers.0.self_attn.in_proj_weight", "qkv", 0, None),
    ("transformer.layers.0.self_attn.in_proj_bias", "bias", 0, None),
    ("lstm.weight_ih_l0", "recurrent", None, "Layer 0 weight from the input"),
    ("lstm.weight_hh_l1_reverse", "recurrent", None, "Layer 1 weight from the state backwards"),
    ("cell.weight_hh", "recurrent", None, "Weight from the state"),
    ("lstm.bias_ih_l0", "bias", None, None),
    # nobody's
    ("blob", "other", None, "Blob"),
    ("net.7.weight", "other", None, None),
    ("", "other", None, None),
    ("....", "other", None, None),
]


@pytest.mark.parametrize(("name", "role", "depth", "label"), REAL)
def test_real_names(name: str, role: str, depth: int | None, label: str | None) -> None:
    assert (role_of(name), depth_of(name)) == (role, depth)
    assert role in ROLES
    assert label is None or label_of(name, role, depth) == label


@pytest.mark.parametrize(
    "name", ["a" * 65536, "1." * 40000, ".." * 9000, "x.9" + "9" * 6000 + ".w", "\x00.<b>.é.²³.weight"]
)
def test_hostile_names_cost_nothing(name: str) -> None:
    began = time.process_time()
    label = label_of(name, role_of(name), depth_of(name))
    assert time.process_time() - began < 0.05
    assert len(label) < 300
    assert "\x00" not in label
