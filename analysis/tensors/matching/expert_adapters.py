"""LoRA on experts, as PEFT keeps it for `target_parameters`: one pair of factors for all experts of a layer.

A is (r · experts, in) and B (out, r · experts). Their names tell the layer alone ("….mlp.experts"), and with two
adapted parameters one wraps the other ("….experts.base_layer"). Which parameter it is, the sides tell; where they fit
both, the wrapped one is gate and up, the first in the layer. A layer is found by its block: transformers 5 calls
"mlp.experts" what files of Mixtral call "block_sparse_moe.experts", and a model for images has its text model inside.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.adapters.names import AdaptedModule, update_sides
from analysis.layout import STACKS
from analysis.tensors.matching.partners import Partner
from analysis.tensors.prefixes import pair_names
from analysis.weight import TensorInfo

LAYERS = ("experts", "expert", "local_experts", "moe", "block_sparse_moe")
HALVES = {"gate_proj": "gate", "up_proj": "up", "w1": "gate", "w3": "up"}
# what a module may be of, the wrapped one first
LEAVES = (("gate_up_proj", "input_linear"), tuple(HALVES), ("down_proj", "w2", "output_linear"))
FUSED = frozenset(leaf for leaves in LEAVES for leaf in leaves)
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Place:
    """A tensor of the base in the adapted layer."""

    info: TensorInfo
    expert: int | None  # None: all of them in one tensor
    leaf: str


def is_of_experts(module: AdaptedModule) -> bool:
    """Whether a module of an adapter is a layer of experts, whose parameter its name does not tell."""
    return not module.whole and module.layer.rpartition(".")[2] in LAYERS


def expert_partners(
    modules: Iterable[AdaptedModule], targets: Mapping[str, TensorInfo], shapes: Shapes
) -> dict[str, Partner]:
    """The partners of the base's expert tensors among these modules."""
    ordered = sorted(modules, key=lambda module: -module.level)
    held = _places(targets)
    layers = _pair_layers({module.layer for module in ordered}, held)
    partners: dict[str, Partner] = {}
    for module in ordered:
        places, sides = held.get(layers.get(module.layer, ""), []), update_sides(module, shapes)
        experts = max((place.expert + 1 for place in places if place.expert is not None), default=0)
        if sides is None:
            continue
        for leaves in LEAVES:
            picks = [place for place in places if place.leaf in leaves and _fits(place, sides)]
            if picks and not any(place.info.called in partners for place in picks):
                partners |= {place.info.called: _partner(module, place, experts) for place in picks}
                break
    return partners


def change_of_stack(module: AdaptedModule, target: TensorInfo, shapes: Shapes) -> AdaptedModule:
    """The module with the number of experts, where its factors are of all experts in the target: "input_linear"."""
    sides = update_sides(module, shapes)
    stacked = target.layout in STACKS and len(target.shape) == 3 and not module.whole
    if stacked and sides is not None and sorted(sides) == sorted(target.shape[1:]):
        return replace(module, experts=target.shape[0])
    return module


def _places(targets: Mapping[str, TensorInfo]) -> dict[str, list[_Place]]:
    """The expert tensors of each layer in the base."""
    places: dict[str, list[_Place]] = {}
    for name, info in targets.items():
        words = name.removesuffix(".weight").split(".")
        if info.skip is not None:
            continue
        if len(info.shape) == 3 and words[-1] in FUSED:
            places.setdefault(".".join(words[:-1]), []).append(_Place(info, None, words[-1]))
        elif len(info.shape) == 2 and len(words) > 2 and words[-2].isdecimal() and words[-3] in LAYERS:
            places.setdefault(".".join(words[:-2]), []).append(_Place(info, int(words[-2]), words[-1]))
    return places


def _pair_layers(ours: Collection[str], theirs: Collection[str]) -> dict[str, str]:
    """Which layer of the base each layer of the adapter is: of the same name, or of the same block."""
    here, there = _by_block(ours), _by_block(theirs)
    paired = pair_names(here, there, lambda a, b: True, text_first=True).partners
    found = {here[a]: there[b] for a, b in paired.items()}
    return found | {layer: layer for layer in ours if layer in theirs}


def _by_block(layers: Collection[str]) -> dict[str, str]:
    """Layers by the block that they are in; by their own names where a block has several."""
    blocks = {layer: _block(layer.split(".")) for layer in layers}
    counts = Counter(blocks.values())
    return {block if counts[block] == 1 else layer: layer for layer, block in blocks.items()}


def _block(words: Sequence[str]) -> str:
    """The layer's name up to the number of its block; all of it where it has none."""
    last = max((place for place, word in enumerate(words) if word.isdecimal()), default=len(words))
    return ".".join(words[: last + 1])


def _fits(place: _Place, sides: tuple[int, int]) -> bool:
    outputs, inputs = sides
    if place.expert is None:
        return sorted(place.info.shape[1:]) == sorted(sides)
    share = 2 if place.leaf in HALVES else 1
    return place.info.shape[0] * share == outputs and place.info.shape[1] == inputs


def _partner(module: AdaptedModule, place: _Place, experts: int) -> Partner:
    module = replace(module, parameter="down_proj" if place.leaf in LEAVES[-1] else "gate_up_proj")
    if place.expert is None:
        return Partner(replace(module, experts=place.info.shape[0]))
    return Partner(replace(module, experts=experts, expert=place.expert, half=HALVES.get(place.leaf, "")))
