"""The names of layers by families of models: which last word, in which context, means which role.

A rule gives a role to names that end in one of its leaves, where all that it says of the context holds: the word right
above is one of `inside`, some word above one of `within`, none of `without`, and some word of the same block, or of
the same parent outside the blocks, one of `beside`. Numbers are no words; only as a leaf they are ("mlp.2"). A word
that starts with "@" stands for a class of CLASSES. Of the rules that hold, the one that says most of the context wins;
of equals the first. A tensor that no rule knows is "other".
"""

import re
from dataclasses import dataclass

ROLES = (
    "q", "k", "v", "qkv", "o", "gate", "up", "down", "gate_up", "embedding", "position", "head", "conv", "router",
    "recurrent", "pooler", "norm", "bias", "other",
)  # fmt: skip

WORDS = {
    "q": "query",
    "k": "key",
    "v": "value",
    "qkv": "query, key and value",
    "o": "attention output",
    "gate": "MLP gate",
    "up": "MLP up",
    "down": "MLP down",
    "gate_up": "MLP gate and up",
    "position": "position embedding",
    "head": "output head",
    "router": "router",
    "pooler": "pooler",
}

CLASSES: dict[str, re.Pattern[str]] = {
    "@attention": re.compile(r"(?!.*(?:linear_attn|pre_attn|attn_norm)).*(?:attn|attention).*|"
                             r".*_att|att|mha|.*mhsa|assign"),
    "@mlp": re.compile(r"mlps?|(?!router).*_mlp|mlp_.*|ffns?\d*|.*_ffn|ffn_.*|.*feed_?forward.*|ff|ff_context|ffw|"
                       r"densereludense|swiglu|glu|mlp\d"),
    "@experts": re.compile(r"experts?|expert_\d+|local_experts|shared_experts?|block_sparse_moe|.*moe|moe_.*|"
                           r"ffn_(?:gate|up|down|gate_up)_(?:ch)?exps"),
    "@block": re.compile(r"layers?|blocks?|h|resblocks|.*_layers?|.*_blocks?|encoderblock.*|.*layer_\d+|layers_\d+"),
    "@state": re.compile(r"mixer|mamba\d?|.*mamba.*|ssm|.*lstm.*|rg_lru|temporal_block|conv|linear_attn|.*hyena.*"),
    "@router": re.compile(r".*router.*|gate|gating"),
    "@patch": re.compile(r".*patch.*(?:embed.*|projection)|patchify"),
    "@position": re.compile(r".*position.*|.*pos_emb.*|pos_bias|rel_pos.*"),
    "@gguf": re.compile(r"blk|proj_blk|posnet"),
    "@wrapper": re.compile(r"model|module|backbone|net|network|transformer|base_model|params|state|online|student"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A role, the last words that may mean it, and the context in which they do; see the module."""

    role: str
    leaves: str
    inside: str = ""
    within: str = ""
    without: str = ""
    beside: str = ""
    top: bool = False  # nothing above but wrappers

    @property
    def specificity(self) -> int:
        """How much it says of the context."""
        return 2 * bool(self.inside) + bool(self.within) + bool(self.without) + 3 * bool(self.beside) + 2 * self.top


@dataclass(frozen=True, slots=True)
class Family:
    """Models whose layers are named alike."""

    name: str
    rules: tuple[Rule, ...]


FAMILIES = (
    Family("LLaMA, Mistral, Qwen, Gemma, Phi-3, OLMo and other decoders", (
        Rule("q", "q_proj wq q_a_proj q_b_proj", without="indexer compressor"),
        Rule("k", "k_proj", without="indexer compressor"),
        Rule("k", "wk", without="indexer compressor", within="@attention"),
        Rule("v", "v_proj", without="indexer compressor"),
        Rule("v", "wv", without="indexer compressor", within="@attention"),
        Rule("qkv", "qkv_proj wqkv w_pack", within="@attention"),
        Rule("o", "o_proj", without="@mlp image_pooling_2d output_projection"),
        Rule("o", "wo", within="@attention"),
        Rule("gate", "gate_proj w_gate", without="@attention connector indexer compressor"),
        Rule("gate", "gate_proj", inside="@mlp @experts"),
        Rule("up", "up_proj", inside="@mlp @experts"),
        Rule("down", "down_proj", inside="@mlp @experts"),
        Rule("up", "up_proj w_up", without="@attention @patch connector"),
        Rule("down", "down_proj w_down", without="@attention @patch connector"),
        Rule("other", "down_proj", inside="gate", within="@mlp @block"),  # of a router (ZAYA)
        Rule("gate_up", "gate_up_proj gate_up up_gate_proj"),
        Rule("gate", "w1", within="@mlp @experts", without="@attention"),
        Rule("down", "w2", within="@mlp @experts", without="@attention"),
        Rule("up", "w3", within="@mlp @experts", without="@attention"),
        Rule("embedding", "embed_tokens tok_embeddings", without="@position"),
        Rule("q", "linear", inside="q_proj", within="@attention"),  # Gemma 4's and Kyutai's
        Rule("k", "linear", inside="k_proj", within="@attention"),
        Rule("v", "linear", inside="v_proj", within="@attention"),
        Rule("o", "linear", inside="o_proj", within="@attention"),
        Rule("embedding", "embed_tokens_per_layer"),
        Rule("head", "lm_head generator_lm_head"),
        Rule("head", "out_proj", inside="lm_head"),
        Rule("head", "output", top=True),
    )),
    Family("Qwen 1", (  # w1(x) · silu(w2(x)), then c_proj
        Rule("up", "w1", within="@mlp", beside="c_proj"),
        Rule("gate", "w2", within="@mlp", beside="c_proj"),
    )),
    Family("mixtures of experts", (
        Rule("router", "gate", inside="@mlp @experts mixer router"),
        Rule("router", "router gate_network switch"),
        Rule("router", "wg", within="@mlp @experts"),
        Rule("router", "classifier layer", inside="router"),
        Rule("gate", "gate", within="@mlp @experts", inside="@block shared_mlp"),
        Rule("gate_up", "input_linear", within="@mlp @experts"),
        Rule("down", "output_linear", within="@mlp @experts"),
        Rule("other", "fc1 fc2 out_proj gate_proj up_proj down_proj", within="router router_mlp"),
        Rule("up", "v1", within="@experts", beside="w2"),  # DBRX
        Rule("router", "router_de", within="@mlp"),  # Llama 4 of Meta: silu(x · w_in) · (x · w_swiglu), then w_out
        Rule("gate", "moe_w_in_ed_f w_in_shared_fd", within="@mlp"),
        Rule("up", "moe_w_swiglu_ed_f w_swiglu_fd", within="@mlp"),
        Rule("down", "moe_w_out_ef_d w_out_shared_df", within="@mlp"),
    )),
    Family("GPT-2, GPT-J, GPT-NeoX, BLOOM, Falcon, MPT, StarCoder", (
        Rule("qkv", "c_attn query_key_value", within="@attention"),
        Rule("q", "q_attn", within="@attention"),
        Rule("o", "c_proj dense", inside="@attention", without="bottleneck"),
        Rule("up", "c_fc fc_in dense_h_to_4h", within="@mlp"),
        Rule("down", "c_proj fc_out dense_4h_to_h", within="@mlp", without="@attention"),
        Rule("o", "out_proj", inside="@attention"),
        Rule("embedding", "wte word_embeddings embed_in tokens_embed token_embeddings"),
        Rule("position", "wpe positions_embed"),
        Rule("head", "embed_out"),
    )),
    Family("BERT, RoBERTa, ELECTRA, DeBERTa, DistilBERT, ModernBERT and other encoders", (
        Rule("q", "query q_lin query_proj", within="@attention"),
        Rule("k", "key k_lin key_proj", within="@attention"),
        Rule("v", "value v_lin value_proj", within="@attention"),
        Rule("qkv", "in_proj", within="@attention", without="@mlp"),
        Rule("o", "out_lin attn_out", within="@attention"),
        Rule("o", "dense", inside="output layout_output", within="@attention"),
        Rule("other", "dense", within="bottleneck"),
        Rule("other", "dense", inside="bottleneck", within="@attention output"),
        Rule("up", "dense", inside="intermediate layout_intermediate"),
        Rule("up", "lin1", within="@mlp"),
        Rule("down", "dense", inside="output layout_output", without="@attention"),
        Rule("down", "lin2", within="@mlp"),
        Rule("up", "wi", within="@mlp"),  # gate and up where it is twice as tall as wo is wide
        Rule("down", "wo", within="@mlp", without="@attention"),
        Rule("down", "dense", inside="@mlp"),
        Rule("embedding", "token_type_embeddings word_embedding tok_embed"),
        Rule("position", "position_embeddings"),
        Rule("pooler", "pooler"),
        Rule("pooler", "dense", inside="pooler"),
        Rule("head", "dense decoder", within="predictions lm_head"),
        Rule("head", "decoder", top=True),
        Rule("head", "dense out_proj", inside="classifier"),
        Rule("head", "classifier qa_outputs", without="router"),
        Rule("head", "score logits"),
    )),
    Family("T5, UL2, Pegasus, BART, OPT, M2M, MarianMT", (
        Rule("q", "q", inside="@attention attn_1"),
        Rule("k", "k", inside="@attention attn_1"),
        Rule("v", "v", inside="@attention attn_1", without="attention_layer"),  # Tacotron has one of another kind
        Rule("o", "o", inside="@attention"),
        Rule("gate", "wi_0", within="@mlp"),
        Rule("up", "wi_1", within="@mlp"),
        Rule("up", "fc1", inside="@mlp @block @experts intermediate", without="rel_pos cpb_mlp meta_mlp"),
        Rule("down", "fc2", inside="@mlp @block @experts intermediate output", without="rel_pos cpb_mlp meta_mlp"),
        Rule("embedding", "shared", top=True),
        Rule("embedding", "shared", inside="language_model"),
        Rule("position", "embed_positions relative_attention_bias"),
        Rule("head", "output_projection", without="@attention"),
    )),
    Family("torch.nn.Transformer, fairseq, ESPnet", (
        Rule("qkv", "in_proj_weight", within="@attention"),
        Rule("up", "linear1 w_1", inside="@mlp @block"),
        Rule("down", "linear2 w_2", inside="@mlp @block"),
        Rule("other", "linear1 linear2", inside="single_blocks", beside="modulation"),  # Flux: with q, k, v beside
        Rule("embedding", "0", inside="embed", within="decoder"),  # ESPnet
        Rule("head", "output_layer", inside="decoder", without="@block"),
    )),
    Family("ViT, DeiT, Swin, CLIP and DINOv2, of timm, transformers and torchvision", (
        Rule("qkv", "qkv", within="@attention"),
        Rule("o", "proj projection projection_layer output_proj", inside="@attention"),
        Rule("o", "output", inside="attention"),
        Rule("up", "proj_in dense1", inside="mlp"),
        Rule("down", "proj_out dense2", inside="mlp"),
        Rule("o", "dense", inside="output", within="@attention"),
        Rule("gate", "fc1_g w1 linear_1_gate", within="@mlp", beside="fc1_x"),
        Rule("up", "fc1_x", within="@mlp"),
        Rule("gate_up", "w12", within="@mlp"),
        Rule("down", "w3", within="@mlp", beside="w12"),
        Rule("up", "linear_fc1 linear_1 pwconv1 0", inside="@mlp", beside="@attention",
             without="cpb_mlp continuous_position_bias_mlp"),
        Rule("down", "linear_fc2 linear_2 pwconv2 2 3", inside="@mlp", beside="@attention",
             without="cpb_mlp continuous_position_bias_mlp"),
        Rule("up", "pwconv1"),
        Rule("down", "pwconv2"),
        Rule("embedding", "patch_embed patch_embeddings patch_embedding"),
        Rule("embedding", "conv_proj", top=True),
        Rule("embedding", "proj projection", inside="@patch"),
        Rule("position", "pos_embed pos_embedding position_embedding positional_embedding rel_pos_h rel_pos_w"),
        Rule("position", "relative_position_bias_table rel_pos_bias"),
        Rule("position", "pos_embed1 pos_embed2 pos_embed3 pos_embed4 patch_pos pixel_pos spatial_pos temporal_pos"),
        Rule("position", "mid_position_embeddings position_embedding_table"),
        Rule("up", "1", inside="mlp_layer"),
        Rule("down", "3", inside="mlp_layer"),
        Rule("position", "embedding weight embeddings", inside="@position"),
        Rule("head", "head heads head_dist aux_head"),
        Rule("head", "fc", top=True),
        Rule("head", "fc head", inside="head heads"),
        Rule("embedding", "token_embedding class_embedding"),
    )),
    Family("Megatron-core and NeMo", (
        Rule("qkv", "linear_qkv", within="@attention"),
        Rule("q", "linear_q linear_q_proj linear_q_down_proj linear_q_up_proj", within="@attention"),
        Rule("k", "linear_k", within="@attention"),
        Rule("v", "linear_v", within="@attention"),
        Rule("o", "linear_proj linear_out", within="@attention"),
        Rule("up", "linear_fc1", within="@mlp @experts"),
        Rule("down", "linear_fc2", within="@mlp @experts"),
        Rule("head", "output_layer", top=True),
        Rule("q", "query_net", within="first_sub_layer second_sub_layer"),
        Rule("k", "key_net", within="first_sub_layer second_sub_layer"),
        Rule("v", "value_net", within="first_sub_layer second_sub_layer"),
        Rule("o", "out_projection", inside="first_sub_layer second_sub_layer"),
        Rule("up", "dense_in", inside="second_sub_layer third_sub_layer"),
        Rule("down", "dense_out", inside="second_sub_layer third_sub_layer"),
        Rule("embedding", "embed", inside="prediction", within="decoder"),
    )),
    Family("Whisper, wav2vec 2.0, HuBERT, WavLM and Conformer", (
        Rule("o", "out", inside="@attention"),
        Rule("up", "intermediate_dense", within="@mlp"),
        Rule("down", "output_dense", within="@mlp"),
        Rule("up", "ffw_layer_1", within="@mlp"),
        Rule("down", "ffw_layer_2", within="@mlp"),
    )),
    Family("diffusers", (
        Rule("q", "to_q", without="lora"),
        Rule("k", "to_k", without="lora"),
        Rule("v", "to_v", without="lora"),
        Rule("qkv", "to_qkv"),
        Rule("o", "to_out to_add_out"),
        Rule("o", "0", inside="to_out"),
        Rule("q", "add_q_proj", within="@attention"),
        Rule("k", "add_k_proj", within="@attention"),
        Rule("v", "add_v_proj", within="@attention"),
        Rule("gate", "linear_1", inside="@mlp", within="@mlp", without="@router",
             beside="out_projection linear_3"),  # AuraFlow, Lumina
        Rule("up", "linear_2", inside="@mlp", within="@mlp", without="@router", beside="out_projection"),
        Rule("down", "out_projection", inside="@mlp"),
        Rule("up", "linear_3", inside="@mlp"),
        Rule("up", "proj", inside="net", within="@mlp"),
        Rule("down", "2", inside="net", within="@mlp"),
        Rule("embedding", "proj", inside="pos_embed patch_embed", without="@attention"),
    )),
    Family("Mamba, Jamba, Zamba, Nemotron-H, RWKV and other state spaces", (
        Rule("other", "in_proj out_proj x_proj dt_proj", within="@state", without="multihead_attn"),
        Rule("up", "key", inside="@mlp"),
        Rule("down", "value", inside="@mlp"),
        Rule("other", "key value", within="@mlp", inside="lora"),
        Rule("k", "key", inside="att attention"),
        Rule("v", "value", inside="att attention"),
        Rule("o", "output", inside="att"),
        Rule("up", "in_proj", inside="@mlp"),
        Rule("down", "out_proj", inside="@mlp"),
        Rule("embedding", "emb", top=True),
        Rule("embedding", "embeddings", inside="@wrapper rwkv"),
    )),
    Family("lucidrains' packages", (
        Rule("embedding", "emb", inside="token_emb"),
        Rule("position", "emb", inside="pos_emb"),
        Rule("head", "to_logits"),
        Rule("head", "mlp_head"),
        Rule("head", "1", inside="mlp_head"),
        Rule("embedding", "1 2", inside="to_patch_embedding"),
        Rule("up", "1", inside="net", beside="to_qkv"),
        Rule("down", "4", inside="net", beside="to_qkv"),
    )),
    Family("gpt-oss, OpenAI's own", (
        Rule("gate_up", "mlp1", inside="mlp", beside="mlp2_weight"),
        Rule("down", "mlp2", inside="mlp", beside="mlp1_weight"),
        Rule("head", "unembedding", top=True),
    )),
    Family("PyTorch Geometric and DGL", (
        Rule("q", "lin_query", beside="lin_key"),
        Rule("k", "lin_key", beside="lin_query"),
        Rule("v", "lin_value", beside="lin_query"),
    )),
    Family("GGUF", (  # gguf.constants.TENSOR_NAMES
        Rule("q", "attn_q attn_q_a attn_q_b cross_attn_q self_attn_q", within="@gguf", without="indexer"),
        Rule("k", "attn_k cross_attn_k self_attn_k", within="@gguf", without="indexer"),
        Rule("v", "attn_v cross_attn_v self_attn_v", within="@gguf", without="indexer"),
        Rule("qkv", "attn_qkv vis_attn_qkv", within="@gguf"),
        Rule("o", "attn_output attn_out attn_o cross_attn_o cross_attn_out self_attn_out vis_attn_output",
             within="@gguf"),
        Rule("gate", "ffn_gate ffn_gate_exps ffn_gate_shexp ffn_gate_chexps ffn_gate_1 vis_gate", within="@gguf"),
        Rule("up", "ffn_up ffn_up_exps ffn_up_shexp ffn_up_chexps ffn_up_1 vis_up", within="@gguf"),
        Rule("down", "ffn_down ffn_down_exps ffn_down_shexp ffn_down_chexps ffn_down_1 vis_down", within="@gguf"),
        Rule("gate_up", "ffn_gate_up_exps", within="@gguf"),
        Rule("router", "ffn_gate_inp", within="@gguf"),
        Rule("k", "time_mix_key", within="@gguf"),
        Rule("v", "time_mix_value", within="@gguf"),
        Rule("o", "time_mix_output", within="@gguf"),
        Rule("up", "channel_mix_key", within="@gguf"),
        Rule("down", "channel_mix_value", within="@gguf"),
        Rule("embedding", "token_embd token_types per_layer_token_embd patch_embd"),
        Rule("position", "position_embd"),
        Rule("head", "output", inside="cls"),
    )),
    Family("Keras, Flax and T5X", (
        Rule("o", "attention_output", within="@attention"),
        Rule("embedding", "embeddings embedding", without="@position quantizer quantize codebook"),
        Rule("gate", "ffw_gating gating_ffw wi_gate", within="@mlp @block"),
        Rule("up", "ffw_gating_2 gating_ffw_2", within="@block"),
        Rule("down", "ffw_linear", within="@block"),
        Rule("q", "q_einsum", within="@attention"),
        Rule("qkv", "kv_einsum qkv_einsum", within="@attention"),
        Rule("o", "attn_vec_einsum", within="@attention"),
        Rule("gate_up", "gating_einsum", within="@mlp"),
        Rule("down", "linear", inside="@mlp", beside="gating_einsum"),
        Rule("embedding", "input_embedding", inside="embedder", without="encoder"),
    )),
)  # fmt: skip


def holds_experts(words: list[str]) -> bool:
    """Whether a name's words lie inside experts of a mixture."""
    return any(CLASSES["@experts"].fullmatch(word) for word in words)
