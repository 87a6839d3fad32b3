"""Names of a LLaMA's parameters in trainers that have their own.

torchtitan 0.3 (models/llama3/state_dict_adapter.py) and fairseq2 0.8 (models/llama/interop.py) load a checkpoint of
Hugging Face under other names, which is what their patterns meet.
"""

import re
from collections.abc import Mapping, Sequence

TORCHTITAN: Mapping[str, str] = {
    "self_attn.q_proj": "attention.qkv_linear.wq",
    "self_attn.k_proj": "attention.qkv_linear.wk",
    "self_attn.v_proj": "attention.qkv_linear.wv",
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
}
FAIRSEQ2: Mapping[str, str] = {
    "self_attn.q_proj": "self_attn.q_proj",
    "self_attn.k_proj": "self_attn.k_proj",
    "self_attn.v_proj": "self_attn.v_proj",
    "self_attn.o_proj": "self_attn.output_proj",
    "mlp.gate_proj": "ffn.gate_proj",
    "mlp.up_proj": "ffn.inner_proj",
    "mlp.down_proj": "ffn.output_proj",
}
TORCHTITAN_OUTER = {"model.embed_tokens.weight": "tok_embeddings.weight"}  # the head has the same name
FAIRSEQ2_OUTER = {"model.embed_tokens.weight": "decoder_frontend.embed.weight", "lm_head.weight": "final_proj.weight"}
LAYER = re.compile(r"^model\.layers\.(\d+)\.(.+)\.(weight|bias)$")


def names_in_torchtitan(names: Sequence[str]) -> list[str]:
    """The names, and behind them what torchtitan calls those of a LLaMA.

    >>> names_in_torchtitan(["model.layers.3.mlp.up_proj.weight"])
    ['model.layers.3.mlp.up_proj.weight', 'layers.3.feed_forward.w3.weight']
    """
    return _with_own(names, TORCHTITAN, TORCHTITAN_OUTER, "layers")


def names_in_fairseq2(names: Sequence[str]) -> list[str]:
    """The names, and behind them what fairseq2 calls those of a LLaMA."""
    return _with_own(names, FAIRSEQ2, FAIRSEQ2_OUTER, "decoder.layers")


def _with_own(names: Sequence[str], parts: Mapping[str, str], outer: Mapping[str, str], blocks: str) -> list[str]:
    own = [other for name in names if (other := outer.get(name) or _in_block(name, parts, blocks))]
    return [*names, *own]


def _in_block(name: str, parts: Mapping[str, str], blocks: str) -> str | None:
    match = LAYER.match(name)
    if match is None or match[2] not in parts:
        return None
    return f"{blocks}.{match[1]}.{parts[match[2]]}.{match[3]}"
