"""Names of each family of models, as its authors' files spell them, with the roles that its papers or code give them.

Names without a role that the table knows are here too: a wrong role is worse than "other".
"""

import pytest

from analysis.names import role_of
from analysis.names.table import CLASSES, FAMILIES, ROLES, WORDS, holds_experts

FILES: dict[str, dict[str, str]] = {
    "LLaMA, Mistral, Qwen, Gemma, Phi-3, OLMo and other decoders": {
        "model.layers.0.self_attn.q_proj.weight": "q",
        "model.layers.0.self_attn.k_proj.weight": "k",
        "layers.0.attention.wv.weight": "v",
        "model.layers.0.self_attn.q_b_proj.weight": "q",  # DeepSeek
        "model.layers.0.self_attn.kv_b_proj.weight": "other",  # keys and values, head by head
        "model.layers.0.self_attn.indexer.wk.weight": "other",
        "model.layers.0.self_attn.gate_proj.weight": "other",  # gates what attention gives
        "model.layers.0.mlp.gate_proj.weight": "gate",
        "model.layers.0.mlp.up_gate_proj.weight": "gate_up",
        "model.gated_cross_attn_layers.0.mlp.down_proj.weight": "down",
        "model.embed_tokens.weight": "embedding",
        "output.weight": "head",
    },
    "Qwen 1": {},
    "mixtures of experts": {
        "model.layers.1.mixer.gate.weight": "router",  # Nemotron-H
        "model.layers.0.mlp.gate.weight": "router",
        "decoder.block.1.layer.2.mlp.router.classifier.weight": "router",  # Switch Transformers
        "transformer.blocks.0.ffn.router.layer.weight": "router",  # DBRX
        "model.layers.0.mlp.shared_expert_gate.weight": "other",
        "model.layers.0.block_sparse_moe.experts.3.w2.weight": "down",
        "decoder.layers.3.ffn.experts.expert_7.fc1.weight": "up",  # NLLB
    },
    "GPT-2, GPT-J, GPT-NeoX, BLOOM, Falcon, MPT, StarCoder": {
        "h.0.attn.c_attn.weight": "qkv",
        "h.0.attn.c_proj.weight": "o",
        "h.0.mlp.c_proj.weight": "down",
        "transformer.h.0.self_attention.query_key_value.weight": "qkv",
        "transformer.h.0.self_attention.dense.weight": "o",
        "gpt_neox.layers.0.mlp.dense_h_to_4h.weight": "up",
        "transformer.wpe.weight": "position",
    },
    "BERT, RoBERTa, ELECTRA, DeBERTa, DistilBERT, ModernBERT and other encoders": {
        "encoder.layer.0.attention.self.query.weight": "q",
        "encoder.layer.0.attention.output.dense.weight": "o",
        "encoder.layer.0.output.dense.weight": "down",
        "classifier.out_proj.weight": "head",  # RoBERTa's
        "classifier.dense.weight": "head",
        "mobilebert.encoder.layer.0.bottleneck.attention.dense.weight": "other",
        "mobilebert.encoder.layer.0.output.bottleneck.dense.weight": "other",
        "deberta.encoder.layer.0.attention.self.in_proj.weight": "qkv",
        "layers.0.attn.Wqkv.weight": "qkv",
        "layers.0.mlp.Wi.weight": "up",
        "pooler.dense.weight": "pooler",
    },
    "T5, UL2, Pegasus, BART, OPT, M2M, MarianMT": {
        "encoder.block.0.layer.0.SelfAttention.q.weight": "q",
        "decoder.block.3.layer.1.EncDecAttention.k.weight": "k",
        "encoder.block.0.layer.1.DenseReluDense.wi_1.weight": "up",
        "model.decoder.layers.1.fc2.weight": "down",
        "shared.weight": "embedding",
        "aligner.fc1.weight": "other",
        "timestep_proj.fc2.weight": "other",
    },
    "torch.nn.Transformer, fairseq, ESPnet": {
        "transformer.encoder.layers.0.self_attn.in_proj_weight": "qkv",
        "transformer.encoder.layers.0.linear1.weight": "up",
        "encoder.encoders.0.feed_forward.w_2.weight": "down",
        "text_projection.linear1.weight": "other",
        "decoder.2.weight": "other",  # a torch.nn.Sequential
        "decoder.0.weight": "other",
        "decoder.embed.0.weight": "embedding",  # ESPnet
        "decoder.output_layer.weight": "head",
    },
    "ViT, DeiT, Swin, CLIP and DINOv2, of timm, transformers and torchvision": {
        "blocks.0.attn.qkv.weight": "qkv",
        "blocks.0.attn.proj.weight": "o",
        "blocks.0.mlp.fc1.weight": "up",
        "layers.0.blocks.0.attn.cpb_mlp.0.weight": "other",  # positions, not the MLP
        "blocks.1.mlp.w12.weight": "gate_up",
        "patch_embed.proj.weight": "embedding",
        "visual.positional_embedding": "position",
        "layers.0.downsample.reduction.weight": "conv",  # by name; a matrix by its shape
        "head.fc.weight": "head",
    },
    "Megatron-core and NeMo": {
        "decoder.layers.0.self_attention.linear_qkv.weight": "qkv",
        "decoder.layers.0.self_attention.linear_proj.weight": "o",
        "decoder.layers.0.mlp.linear_fc1.weight": "up",
        "decoder.layers.0.mlp.linear_fc2.weight": "down",
        "decoder.layers.0.mlp.experts.local_experts.3.linear_fc2.weight": "down",
        "embedding.word_embeddings.weight": "embedding",
        "output_layer.weight": "head",
        "encoder.layers.0.self_attn.linear_pos.weight": "other",  # Conformer of NeMo
        "encoder.layers.0.self_attn.linear_q.weight": "q",
        "encoder.layers.0.feed_forward1.linear2.weight": "down",
        "decoder.layers.0.mlp.experts.linear_fc2.weight17": "down",  # Transformer Engine's grouped layers
        "decoder.layers.0.self_attention.linear_q_down_proj.weight": "q",
        "decoder.layers.0.self_attention.linear_kv_down_proj.weight": "other",
        "transf_decoder._decoder.layers.0.first_sub_layer.query_net.weight": "q",
        "transf_decoder._decoder.layers.0.third_sub_layer.dense_out.weight": "down",
        "decoder.prediction.embed.weight": "embedding",
    },
    "Whisper, wav2vec 2.0, HuBERT, WavLM and Conformer": {
        "decoder.blocks.0.cross_attn.out.weight": "o",
        "decoder.blocks.0.cross_attn.query.weight": "q",
        "encoder.layers.0.feed_forward.intermediate_dense.weight": "up",
        "encoder.layers.0.feed_forward.output_dense.weight": "down",
        "encoder.layers.0.attention.out_proj.weight": "o",
        "encoder.layers.0.conv_module.pointwise_conv1.weight": "conv",
    },
    "diffusers": {
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight": "q",
        "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0.weight": "o",
        "transformer_blocks.0.ff.net.0.proj.weight": "up",
        "transformer_blocks.0.ff.net.2.weight": "down",
        "transformer_blocks.0.norm1.linear.weight": "other",
        "transformer_blocks.0.attn.add_k_proj.weight": "k",
        "time_embedding.linear_1.weight": "other",
    },
    "Mamba, Jamba, Zamba, Nemotron-H, RWKV and other state spaces": {
        "backbone.layers.0.mixer.in_proj.weight": "other",
        "backbone.layers.0.mixer.out_proj.weight": "other",
        "model.layers.0.mamba.in_proj.weight": "other",
        "backbone.layers.7.mixer.q_proj.weight": "q",
        "backbone.layers.3.mixer.up_proj.weight": "up",
        "rwkv.blocks.0.feed_forward.key.weight": "up",
        "rwkv.blocks.0.feed_forward.value.weight": "down",
        "blocks.0.ffn.key.weight": "up",
        "blocks.0.att.receptance.weight": "other",
        "model.layers.0.linear_attn.out_proj.weight": "other",
    },
    "lucidrains' packages": {
        "token_emb.emb.weight": "embedding",
        "pos_emb.emb.weight": "position",
        "attn_layers.layers.1.1.ff.0.0.weight": "other",  # up where something attends in the block
        "to_patch_embedding.2.weight": "embedding",
        "mlp_head.1.weight": "head",
        "to_logits.weight": "head",
    },
    "gpt-oss, OpenAI's own": {"unembedding.weight": "head", "block.0.attn.out.weight": "o"},
    "PyTorch Geometric and DGL": {
        "convs.0.lin_l.weight": "conv",  # by name; a matrix by its shape
        "layers.0.lin_key.weight": "other",  # a key where queries lie beside it
        "layers.0.fc_self.weight": "other",
    },
    "GGUF": {
        "blk.0.attn_q.weight": "q",
        "blk.0.attn_q_b.weight": "q",
        "blk.0.attn_k.weight": "k",
        "dec.blk.0.cross_attn_v.weight": "v",
        "blk.0.attn_qkv.weight": "qkv",
        "blk.0.attn_output.weight": "o",
        "enc.blk.0.attn_o.weight": "o",
        "blk.0.ffn_gate.weight": "gate",
        "blk.0.ffn_up_exps.weight": "up",
        "blk.0.ffn_down_shexp.weight": "down",
        "blk.0.ffn_gate_up_exps.weight": "gate_up",
        "blk.0.ffn_gate_inp.weight": "router",
        "blk.0.time_mix_value.weight": "v",
        "blk.0.channel_mix_value.weight": "down",
        "blk.0.attn_norm.weight": "norm",
        "blk.0.attn_kv_b.weight": "other",  # keys and values, head by head
        "blk.0.ssm_in.weight": "other",
        "blk.0.indexer.attn_k.weight": "other",
        "token_embd.weight": "embedding",
        "position_embd.weight": "position",
        "output.weight": "head",
        "output_norm.weight": "norm",
        "cls.output.weight": "head",
    },
    "Keras, Flax and T5X": {
        "sequential/embedding/embeddings": "embedding",
        "params/Transformer/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel": "q",
        "bert/encoder/layer_0/attention/self/query/kernel:0": "q",
        "lstm/lstm_cell/recurrent_kernel": "recurrent",
    },
}

# reinforcement learning, graphs, vocoders, detectors: names that look like an attention's or an MLP's, and are not
OTHERS = {
    "q_net.q_net.0.weight": "other",  # Stable-Baselines3
    "mlp_extractor.policy_net.2.weight": "other",
    "value.weight": "other",
    "policy.weight": "other",
    "v_head.summary.weight": "other",  # TRL
    "interactions.0.mlp.0.weight": "other",  # SchNet
    "decoder.attention_layer.v.linear_layer.weight": "other",  # Tacotron 2
    "projector.query": "other",
    "quantizer.quantizers.0.in_proj.weight": "other",  # DAC
    "features.4.block.2.fc1.weight": "up",  # by name; a convolution by its shape
    "net.7.weight": "other",
    "model.layers.0.mlp.router.router_mlp.fc2.weight": "other",
    "actor_mean.4.weight": "other",
}


def test_every_family_is_tried() -> None:
    assert set(FILES) == {family.name for family in FAMILIES}


@pytest.mark.parametrize(("name", "role"), [item for names in (*FILES.values(), OTHERS) for item in names.items()])
def test_roles(name: str, role: str) -> None:
    assert role_of(name) == role


def test_what_lies_beside_decides() -> None:
    """Qwen 1: w1(x) · silu(w2(x)); DINOv2: w3 after w12; Whisper: mlp.0 and mlp.2 of a block that attends."""
    mlp = "transformer.h.0.mlp."
    assert [role_of(f"{mlp}{leaf}.weight", ["mlp", "w1", "w2", "c_proj"]) for leaf in ("w1", "w2")] == ["up", "gate"]
    assert role_of("blocks.1.mlp.w3.weight", ["mlp", "w12", "w3"]) == "down"
    found = [role_of(f"encoder.blocks.0.mlp.{at}.weight", ["attn", "query", "mlp"]) for at in (0, 2)]
    assert found == ["up", "down"]
    assert role_of("encoder.blocks.0.mlp.0.weight") == "other"
    fused = [role_of(f"single_blocks.0.linear{at}.weight", ["linear1", "linear2", "modulation"]) for at in (1, 2)]
    assert fused == ["other", "other"]  # Flux: q, k, v and the MLP in one
    graph = [role_of(f"convs.0.lin_{leaf}.weight", ["lin_key", "lin_query"]) for leaf in ("query", "key", "value")]
    assert graph == ["q", "k", "v"]
    assert role_of("block.0.mlp.mlp1_weight", ["mlp", "mlp2_weight"]) == "gate_up"


def test_the_table_keeps_to_its_own_words() -> None:
    for rule in (rule for family in FAMILIES for rule in family.rules):
        context = " ".join((rule.inside, rule.within, rule.without, rule.beside)).split()
        assert rule.role in ROLES
        assert {word for word in context if word.startswith("@")} <= CLASSES.keys()
    assert WORDS.keys() <= set(ROLES)


def test_experts() -> None:
    assert holds_experts(["layers", "0", "mlp", "experts", "gate_up_proj"])
    assert not holds_experts(["layers", "0", "mlp", "up_proj"])
