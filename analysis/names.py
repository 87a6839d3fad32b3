"""What a tensor's name says: its role in the network, the block it lies in, and what a reader would call it.

The rules know LLaMA-, GPT-2-, BERT-, ViT- (Hugging Face and timm), ResNet-, T5- and mixture-of-experts names. A name
that none of them knows gets the role "other" and is analysed all the same. Names come out of hostile files: every rule
is linear in their length, and nothing but their last `CONSIDERED` characters is looked at.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

from analysis.errors import escape

ROLES = (
    "q", "k", "v", "qkv", "o", "gate", "up", "down", "gate_up", "embedding", "position", "head", "conv", "router",
    "recurrent", "pooler", "norm", "bias", "other",
)  # fmt: skip

CONSIDERED = 512  # characters; the longest name in the models above has under 120

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

LEAVES = {
    "q": "q q_proj query q_lin wq to_q query_proj q_a_proj q_b_proj q_attn",
    "k": "k k_proj key k_lin wk to_k key_proj",
    "v": "v v_proj value v_lin wv to_v value_proj",
    "qkv": "qkv qkv_proj c_attn query_key_value wqkv in_proj kv_a_proj_with_mqa kv_b_proj to_qkv attn_qkv",
    "o": "o o_proj out_proj out_lin wo to_out attn_out",
    "gate": "gate_proj wi_0 w_gate fc1_g linear_1_gate",
    "up": "up_proj wi wi_1 c_fc fc1 fc_in lin1 dense_h_to_4h linear1 w_up",
    "down": "down_proj fc2 fc_out lin2 dense_4h_to_h linear2 w_down output_linear",
    "gate_up": "gate_up_proj gate_up input_linear",
    "embedding": "wte word_embeddings token_embedding tok_embeddings embed_tokens token_type_embeddings shared "
    "patch_embeddings patch_embed patch_embedding token_embeddings embed_in tokens_embed embeddings embedding",
    "position": "wpe position_embeddings position_embedding positional_embedding pos_embed pos_embedding "
    "embed_positions relative_attention_bias relative_position_bias_table positions_embed",
    "head": "lm_head head classifier embed_out decoder score fc logits output_projection qa_outputs heads",
    "router": "router gate_network switch wg",
    "pooler": "pooler",
}
ROLE_OF_LEAF = {leaf: role for role, leaves in LEAVES.items() for leaf in leaves.split()}

ENDINGS = {"weight", "kernel", "parametrizations", "original", "default"}
ATTENTION = {
    "attn", "attention", "self_attn", "self_attention", "selfattention", "encdecattention", "cross_attn",
    "crossattention", "encoder_attn", "attn1", "attn2", "mixer", "multihead_attn",
}  # fmt: skip
MOE = {"experts", "expert", "local_experts", "shared_expert", "shared_experts", "block_sparse_moe", "moe"}
FEED_FORWARD = {"mlp", "ffn", "feed_forward", "feedforward", "densereludense", "ff"}
# w1, w2, w3 of LLaMA's own and Mixtral's files: w2 · (silu(w1 x) * w3 x)
NUMBERED = {"w1": "gate", "w2": "down", "w3": "up"}

RECURRENT = re.compile(r"weight_(ih|hh|hr)(?:_l(\d{1,9}))?(_reverse)?")
SOURCES = {"ih": "from the input", "hh": "from the state", "hr": "projection"}
NORM = re.compile(r"(?:^|_)(?:layer_?norm|rms_?norm|batch_?norm|group_?norm|norm|ln|bn)\d*(?:_|$)|layernorm|_norm\d*$")
CONV = re.compile(r"conv|downsample|shortcut")
STAGE = re.compile(r"(?:layer|stage|stages|blocks|block|features)_?(\d+)")


def parts(name: str) -> list[str]:
    """The components of a name, lower case, without "weight" and other endings that say nothing.

    >>> parts("h.0.attn.c_attn.weight")
    ['h', '0', 'attn', 'c_attn']
    """
    found = name[-CONSIDERED:].lower().split(".")
    while len(found) > 1 and (found[-1] in ENDINGS or found[-1].startswith("original")):
        found.pop()
    return found


def role_of(name: str) -> str:
    """The role that a tensor's name gives it, one of ROLES; "other" where no rule knows the name.

    >>> role_of("model.layers.3.self_attn.q_proj.weight")
    'q'
    """
    found = parts(name)
    leaf = found[-1]
    above = found[:-1]
    if RECURRENT.fullmatch(leaf):
        return "recurrent"
    if leaf.endswith("_weight"):  # in_proj_weight of torch.nn.MultiheadAttention
        leaf = leaf.removesuffix("_weight")
    if leaf == "bias" or (leaf.endswith("_bias") and leaf not in ROLE_OF_LEAF) or leaf.startswith("bias_"):
        return "bias"
    words = [word for word in (leaf, *reversed(above)) if not word.isdigit()]
    if not words:
        return "other"
    return _in_context(words[0], set(words[1:]), words) or _plain(words)


def _in_context(leaf: str, above: set[str], words: list[str]) -> str | None:
    """The role of the leaves whose meaning hangs on what they lie in."""
    inside = words[1] if len(words) > 1 else ""
    attends = bool(above & ATTENTION)
    if leaf in NUMBERED and (above & (MOE | FEED_FORWARD)):
        return NUMBERED[leaf]
    if leaf == "gate":
        return "router" if inside in MOE | FEED_FORWARD else "gate"
    if leaf in ("c_proj", "proj", "projection", "dense", "dense_out"):
        return _projection(leaf, inside, attends, above)
    if leaf == "wo" and not attends and above & FEED_FORWARD:
        return "down"
    if leaf == "classifier" and above & FEED_FORWARD:
        return "router"
    if leaf in ("output", "decoder") and ("predictions" in above or not above):
        return "head"
    return None


def _projection(leaf: str, inside: str, attends: bool, above: set[str]) -> str:
    """GPT-2's c_proj, timm's proj and BERT's dense: what lies around them decides."""
    if inside in ("patch_embed", "patch_embeddings"):
        return "embedding"
    if inside == "pooler":
        return "pooler"
    if inside == "intermediate":
        return "up"
    if above & {"predictions", "lm_head", "classifier"}:
        return "head"
    if attends:
        return "o"
    if inside in FEED_FORWARD or (inside == "output" and leaf == "dense"):
        return "down"
    return "other"


def _plain(words: list[str]) -> str:
    """The role of the first word, from the leaf upwards, that means the same wherever it stands."""
    leaf = words[0]
    if leaf in ROLE_OF_LEAF:
        return ROLE_OF_LEAF[leaf]
    if NORM.search(leaf):
        return "norm"
    if any(CONV.search(word) for word in words[:2]):
        return "conv"
    if len(words) > 1 and words[1] in ("patch_embed", "patch_embeddings", "to_out", "pooler"):
        return ROLE_OF_LEAF[words[1]]
    return "other"


def place_of(name: str) -> tuple[int, ...]:
    """The indices of the block a tensor lies in, outermost first: (3,), or (stage, block); () outside the blocks.

    The index of an expert, and any number after the block's own, is no place.

    >>> place_of("layer2.1.conv1.weight")
    (2, 1)
    """
    found: list[int] = []
    for word, after in zip(parts(name), [*parts(name)[1:], ""], strict=True):
        if word in MOE:
            break
        staged = STAGE.fullmatch(word)
        if staged and staged.group(1) and not found:
            found.append(_index(staged.group(1)))
        elif word.isascii() and word.isdigit() and after:
            found.append(_index(word))
        elif found and not (word in ("blocks", "block", "residual_group") and after.isdigit()):
            break
    return tuple(found[:2])


def _index(digits: str) -> int:
    return int(digits[-9:])


def depth_of(name: str) -> int | None:
    """The index of the block that a name lies in, None outside the blocks; see `depths` for models with stages."""
    place = place_of(name)
    return place[-1] if place else None


def depths(names: Iterable[str]) -> dict[str, int | None]:
    """The depth of each name. Where blocks are counted anew in every stage (ResNet, Swin), stages follow each other."""
    places = {name: place_of(name) for name in names}
    staged = sorted({place for place in places.values() if len(place) > 1})
    rank = {place: index for index, place in enumerate(staged)}
    return {name: rank.get(place, place[0] if place else None) for name, place in places.items()}


SIDES = {"decoder": "Decoder block", "vision_model": "Vision block", "visual": "Vision block",
         "vision_tower": "Vision block", "text_model": "Text block"}  # fmt: skip


def label_of(name: str, role: str, depth: int | None) -> str:
    """What a reader calls a weight.

    >>> label_of("encoder.layer.4.attention.self.value.weight", "v", 4)
    'Block 4 · value'
    """
    found = parts(name)
    what = _what(found, role)
    if depth is None:
        return what[:1].upper() + what[1:]
    side = next((SIDES[word] for word in found if word in SIDES), "Block")
    return f"{side} {depth} · {what}"


def _what(found: list[str], role: str) -> str:
    if role == "recurrent":
        return _gate(found)
    leaf = ".".join(found[-1:] if found[-2:][0].isdigit() else found[-2:])
    what = WORDS.get(role) or (_embedding(found) if role == "embedding" else escape(leaf))
    if any(word in ("encdecattention", "crossattention", "encoder_attn", "cross_attn") for word in found):
        what = f"cross-attention {'output' if role == 'o' else what}"
    expert = _expert(found)
    return f"{expert} {what.removeprefix('MLP ')}" if expert else what


def _gate(found: list[str]) -> str:
    """What a recurrent weight is: "layer 0 forget gate from the state"."""
    gate = found[-1].replace("_", " ") if found[-1].endswith("_gate") else "weight"
    matched = next((match for word in reversed(found) if (match := RECURRENT.fullmatch(word))), None)
    if matched is None:
        return gate
    source, layer, backwards = matched.groups()
    said = [*([f"layer {layer}"] if layer else []), gate, SOURCES[source], *(["backwards"] if backwards else [])]
    return " ".join(said)


def _embedding(found: list[str]) -> str:
    text = " ".join(found[-2:])
    for clue, what in (("type", "token type"), ("patch", "patch"), ("class", "class")):
        if clue in text:
            return f"{what} embedding"
    return "word embedding"


def _expert(found: list[str]) -> str | None:
    """Which expert a weight belongs to, where it belongs to one: "expert 17", "shared expert"."""
    for word, after in pairwise(found):
        if word in MOE and after.isascii() and after.isdigit():
            return f"expert {after[-9:]}"
        if word.startswith("shared_expert"):
            return "shared expert"
    return None
