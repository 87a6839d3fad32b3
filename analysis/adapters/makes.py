"""Adapters that PEFT did not save: how kohya, LyCORIS, diffusers and MLX name their tensors. Names alone are looked at.

kohya and LyCORIS flatten the module: "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight". Which dots were there
only the base's names tell (`unflattened`). The others keep them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

FLAT = re.compile(r"(?:lora_(?:unet|te\d?|transformer|prior|text_encoder|llm_adapter)|lycoris)_(?P<module>[^.]+)$")
# what the last words of a name say → what the tensor is, in PEFT's words where it has one
WORDS: Mapping[str, str] = {
    "lora_down.weight": "lora_A", "lora_up.weight": "lora_B", "lora_mid.weight": "lora_mid",
    "lora.down.weight": "lora_A", "lora.up.weight": "lora_B",
    "lora_linear_layer.down.weight": "lora_A", "lora_linear_layer.up.weight": "lora_B",
    "lora_A.weight": "lora_A", "lora_B.weight": "lora_B",
    "lora_a": "mlx_a", "lora_b": "mlx_b", "m": "mlx_m",
    "lora_magnitude_vector": "lora_magnitude_vector", "lora_magnitude_vector.weight": "lora_magnitude_vector",
    "alpha": "alpha", "dora_scale": "dora_scale", "diff": "diff", "diff_b": "diff_b",
    **{f"hada_{part}": f"hada_{part}" for part in ("w1_a", "w1_b", "w2_a", "w2_b", "t1", "t2")},
    **{f"lokr_{part}": f"lokr_{part}" for part in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")},
    **{f"{name}{end}": name for name in ("oft_blocks", "oft_diag", "on_input", "rescale", "w_norm", "b_norm", "glora")
       for end in ("", ".weight")},
}  # fmt: skip
PROCESSOR = re.compile(r"(?P<module>.+)\.processor\.(?P<leaf>to_(?:q|k|v|out))_lora\.(?P<side>down|up)\.weight")
LAST = frozenset(key.rpartition(".")[2] for key in WORDS)
BEFORE_WEIGHT = frozenset(key.split(".")[-2] for key in WORDS if key.endswith(".weight"))
FACTORS = frozenset(WORDS.values()) - {
    "alpha",
    "dora_scale",
    "diff",
    "diff_b",
    "w_norm",
    "b_norm",
    "mlx_m",
    "on_input",
    "rescale",
    "glora",
}
# what diffusers and the tools around it put in front of the modules of a pipeline's parts
PIPELINE = re.compile(r"(?:unet|text_encoder(?:_\d)?|transformer(?:_\d)?|prior|diffusion_model)\.")
MLX = frozenset({"mlx_a", "mlx_b"})


class Part(NamedTuple):
    """A tensor of an adapter: which module of the base it belongs to, as the file writes it, and what it is."""

    module: str
    what: str
    flat: bool  # the module's dots are underscores


def part_of(name: str) -> Part | None:
    """What a tensor's name says; None where it is no name of these makes.

    >>> part_of("unet.mid_block.attn1.to_q.lora.down.weight")
    Part(module='unet.mid_block.attn1.to_q', what='lora_A', flat=False)
    """
    if ".processor." in name and (match := PROCESSOR.fullmatch(name)) is not None:
        leaf = "to_out.0" if match["leaf"] == "to_out" else match["leaf"]
        return Part(f"{match['module']}.{leaf}", "lora_A" if match["side"] == "down" else "lora_B", False)
    words = name.split(".")
    if words[-1] not in LAST or (words[-1] == "weight" and "".join(words[-2:-1]) not in BEFORE_WEIGHT):
        return None
    for count in (3, 2, 1):
        what = WORDS.get(".".join(words[-count:])) if len(words) > count else None
        if what is not None:
            module = ".".join(words[:-count])
            flat = FLAT.fullmatch(module)
            return Part(flat["module"] if flat else module, what, flat is not None)
    return None


def is_foreign(names: Iterable[str]) -> bool:
    """Whether these are the tensors of such an adapter: most of them, and factors among them. None is PEFT's own."""
    parts = [None if name.startswith("base_model.") else part_of(name) for name in names]
    known_parts = [part for part in parts if part is not None]
    return 2 * len(known_parts) > len(parts) and any(part.what in FACTORS for part in known_parts)


def says_its_scale(names: Iterable[str]) -> bool:
    """Whether the names alone tell how the factors are scaled: by alpha, or, without, by 1 as these tools do."""
    all_names = list(names)
    parts = [part for name in all_names if (part := part_of(name)) is not None]
    if any(part.what in MLX for part in parts):
        return False  # MLX keeps the scale in its config
    return (
        any(part.flat or part.what == "alpha" for part in parts)
        or any(map(PIPELINE.match, all_names))
        or any(".lora.down." in name or "_lora.down." in name or "lora_linear_layer" in name for name in all_names)
    )


def make_of(names: Iterable[str]) -> str:
    """Whose naming it is, for readers."""
    parts = [part for name in names if (part := part_of(name)) is not None]
    if any(part.what in MLX for part in parts):
        return "MLX"
    if any(part.what.startswith(("hada_", "lokr_")) for part in parts):
        return "LyCORIS"
    return "kohya" if any(part.flat for part in parts) else "diffusers"


def is_factor(name: str) -> bool:
    """Whether a tensor of this name is a factor by itself, whatever stands beside it."""
    part = part_of(name)
    return part is not None and (part.flat or part.what in FACTORS)


def flattened(names: Iterable[str]) -> dict[str, str]:
    """The base's names by what is left of them without dots."""
    return {name.removesuffix(".weight").replace(".", "_").casefold(): name for name in names}


def unflattened(module: str, base: Mapping[str, str]) -> list[str]:
    """The names of the base, `flattened`, that a module may mean: those that read so with underscores, or end so."""
    key = module.casefold()
    if key in base:
        return [base[key]]
    return [name for flat, name in base.items() if flat.endswith(f"_{key}")]
