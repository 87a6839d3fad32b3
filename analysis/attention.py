"""How many heads the attention of a model has, and how a fused projection holds them, from its configuration.

Configurations of Hugging Face models say it of the whole model, or of each part of it: text, vision, audio, encoder,
decoder. It is kept as facts, plain numbers by name, so that it comes along wherever the facts of a checkpoint do.
Without torch: the ingest child reads configurations too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.names.parts import parts

Facts = Mapping[str, float | int | str | bool | None]

# part of a model -> the key of its own configuration
CONFIGS = {
    "text": ("text_config", "llm_config", "language_config"),
    "vision": ("vision_config", "visual"),
    "audio": ("audio_config", "speech_config"),
    "encoder": ("encoder", "encoder_config"),
    "decoder": ("decoder", "decoder_config"),
}
# words of names that mean the part
WORDS = {
    "text": ("text_model", "text_encoder", "text_decoder", "language_model", "llm"),
    "vision": ("vision_model", "visual", "vision_tower", "vision_encoder", "vision_backbone", "image_encoder",
               "vision_transformer"),
    "audio": ("audio_tower", "audio_encoder", "audio_model", "speech_encoder"),
    "encoder": ("encoder",),
    "decoder": ("decoder",),
}  # fmt: skip
HEADS = ("num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads", "encoder_attention_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num",
            "num_query_groups")  # fmt: skip
SIZES = ("head_dim", "d_kv", "kv_channels", "attention_head_dim", "attention_head_size")
WIDTHS = ("hidden_size", "n_embd", "d_model", "embed_dim", "dim")
GROUPS = "group after group"  # a fused projection holds each group's queries, its key and its value together
PARTS = "queries, keys, values"  # all queries first
LARGEST = 1 << 20  # heads, or numbers in a head: more is no attention

# models whose fused projection holds one group after the other: its queries, its key, its value. Of those without
# groups of queries each head is one: transformers' modeling_{gpt_neox,bloom,falcon,persimmon,gpt_bigcode}.py,
# Megatron-core's attention.py (get_query_key_value_tensors), InternLM2's modeling_internlm2.py
BY_GROUPS = frozenset({
    "gpt_neox", "gpt_neox_japanese", "bloom", "falcon", "RefinedWeb", "RefinedWebModel", "persimmon", "fuyu",
    "gpt_bigcode", "internlm2", "megatron",
})  # fmt: skip
IN_ORDER = ("chatglm",)  # and under the same names all queries, then all keys, then all values
ONE_GROUP = ("falcon", "RefinedWeb", "RefinedWebModel", "gpt_bigcode")  # where multi_query is on, which is the default


@dataclass(frozen=True, slots=True)
class Attention:
    """The heads of one part of a model. `groups` share a key and a value each: grouped-query attention."""

    heads: int  # h, of queries
    groups: int  # g, of keys and values; h / g is whole
    size: int = 0  # d: outputs of a head's queries, and of its keys; 0 where the matrices have to say
    value_size: int = 0  # of its values, where that is another number (multi-head latent attention)
    order: str = ""  # of a fused projection: GROUPS, PARTS, or "" where only names and shapes can tell


def attention_facts(config: Mapping[str, Any]) -> dict[str, float | int | str | bool | None]:
    """What a configuration says of heads: "heads", "kv_heads", "head_size", with the part in front where it has parts.

    >>> attention_facts({"num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096})
    {'heads': 32, 'kv_heads': 8, 'head_size': 128}
    """
    return {key: value for prefix, settings in _parts(config) for key, value in _facts_of(prefix, settings)}


def attention_of(facts: Facts, name: str = "") -> Attention | None:
    """The heads of the part of the model that a tensor of this name lies in; None where the facts do not say."""
    part = _part(facts, parts(name))
    heads = _count(facts.get(f"{part}heads"))
    groups = _count(facts.get(f"{part}kv_heads")) or heads
    if not heads or heads % groups:
        return None
    size, value_size = (_count(facts.get(f"{part}{key}")) for key in ("head_size", "value_head_size"))
    return Attention(heads, groups, size, value_size, str(facts.get(f"{part}qkv_order") or ""))


def fits_groups(rows: int, attention: Attention) -> int:
    """How many outputs of a fused projection are queries, where its rows are those of these heads; else 0."""
    head_rows, rest = divmod(rows, attention.heads + 2 * attention.groups)
    return 0 if rest or (attention.size and head_rows != attention.size) else head_rows * attention.heads


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The configuration of each part, with what its facts begin with."""
    configs: dict[str, Mapping[str, Any]] = {
        part: inner for part, keys in CONFIGS.items() for key in keys if isinstance(inner := config.get(key), dict)
    }
    if "decoder_attention_heads" in config:
        configs = {"encoder": config, "decoder": {**config, "num_attention_heads": config["decoder_attention_heads"]}}
        configs["encoder"] = {**config, "num_attention_heads": config.get("encoder_attention_heads")}
    if not configs:
        yield "", config
    elif "text" not in configs and "decoder" not in configs:
        yield "text_", config
    yield from ((f"{part}_", inner) for part, inner in configs.items())


def _facts_of(prefix: str, config: Mapping[str, Any]) -> Iterator[tuple[str, int | str]]:
    inner = config.get("attn_config")  # MPT, DBRX
    settings = {**config, **inner} if isinstance(inner, dict) else config
    heads = _first(settings, HEADS)
    if not heads:
        return
    yield f"{prefix}heads", heads
    groups = _groups(settings, heads)
    if groups and heads % groups == 0:
        yield f"{prefix}kv_heads", groups
    if size := _size(settings, heads):
        yield f"{prefix}head_size", size
    if "kv_lora_rank" in settings and (size := _count(settings.get("v_head_dim"))):
        yield f"{prefix}value_head_size", size
    if settings.get("model_type") in (*BY_GROUPS, *IN_ORDER):
        yield f"{prefix}qkv_order", GROUPS if settings["model_type"] in BY_GROUPS else PARTS


def _groups(config: Mapping[str, Any], heads: int) -> int:
    model = config.get("model_type")
    if model in ONE_GROUP and not config.get("new_decoder_architecture"):
        return 1 if config.get("multi_query", True) else heads
    if model == "chatglm" and not config.get("multi_query_attention"):
        return heads
    return _first(config, KV_HEADS) or heads


def _size(config: Mapping[str, Any], heads: int) -> int:
    if "kv_lora_rank" in config:  # DeepSeek's latent attention: a part with positions and one without
        sides = [_count(config.get(key)) for key in ("qk_nope_head_dim", "qk_rope_head_dim")]
        return sum(sides) if all(sides) else 0
    width = _first(config, WIDTHS)
    return _first(config, SIZES) or (width // heads if width % heads == 0 else 0)


def _part(facts: Facts, words: list[str]) -> str:
    """What the facts of the part begin with that a name lies in: of its words the first that means one."""
    known_parts = [part for part in CONFIGS if f"{part}_heads" in facts]
    for word in words:
        for part, meaning in WORDS.items():
            if word in meaning and (part in known_parts or (known_parts and part in ("vision", "audio"))):
                return f"{part}_"
    return "" if not known_parts else "text_" if "text" in known_parts else "decoder_"


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> int:
    return next((count for key in keys if (count := _count(config.get(key)))), 0)


def _count(value: object) -> int:
    """A whole number above 0 that may be a count of heads or their size; else 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LARGEST:
        return 0
    return int(value) if value == int(value) else 0
