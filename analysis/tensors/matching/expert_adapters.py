"""LoRA on experts, as PEFT keeps it for `target_parameters`: one pair of factors for all experts of a layer.

A is (r · experts, in) and B (out, r · experts). Their names tell the layer alone ("….mlp.experts"), and with two
adapted parameters one wraps the other ("….experts.base_layer"). Which parameter it is, the sides tell; where they fit
both, the wrapped one is gate and up, the first in the layer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from analysis.adapters.names import AdaptedModule, update_sides
from analysis.tensors.matching.partners import Partner
from analysis.weight import TensorInfo

LAYERS = ("experts", "expert", "local_experts", "moe", "block_sparse_moe")
HALVES = {"gate_proj": "gate", "up_proj": "up", "w1": "gate", "w3": "up"}
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Place:
    """A tensor of the base in the adapted layer."""

    info: TensorInfo
    expert: int | None  # None: all of them in one tensor
    leaf: str


def is_of_experts(module: AdaptedModule) -> bool:
    """Whether a module of an adapter is a layer of experts, whose parameter its name does not tell."""
    return not module.whole and layer_of(module).rpartition(".")[2] in LAYERS


def layer_of(module: AdaptedModule) -> str:
    """The layer of experts, without what PEFT put around it."""
    return module.module.removesuffix(".base_layer" * module.level)


def expert_partners(
    modules: Iterable[AdaptedModule], targets: Mapping[str, TensorInfo], shapes: Shapes
) -> dict[str, Partner]:
    """The partners of the base's expert tensors among these modules."""
    found: dict[str, Partner] = {}
    for module in sorted(modules, key=lambda module: -module.level):
        places = _places(layer_of(module), targets)
        experts = max((place.expert + 1 for place in places if place.expert is not None), default=0)
        sides = update_sides(module, shapes)
        if sides is None:
            continue
        for leaves in (("gate_up_proj",), tuple(HALVES), ("down_proj", "w2")):
            chosen = [place for place in places if place.leaf in leaves and _fits(place, sides)]
            if chosen and not any(place.info.called in found for place in chosen):
                found |= {place.info.called: _partner(module, place, experts) for place in chosen}
                break
    return found


def _places(layer: str, targets: Mapping[str, TensorInfo]) -> list[_Place]:
    found = []
    for called, info in targets.items():
        _, inside, rest = f".{called}".partition(f".{layer}.")
        words = rest.removesuffix(".weight").split(".")
        if not inside or info.skip is not None:
            continue
        if len(words) == 1 and len(info.shape) == 3:
            found.append(_Place(info, None, words[0]))
        elif len(words) == 2 and words[0].isdecimal() and len(info.shape) == 2:
            found.append(_Place(info, int(words[0]), words[1]))
    return found


def _fits(place: _Place, sides: tuple[int, int]) -> bool:
    outputs, inputs = sides
    if place.expert is None:
        return sorted(place.info.shape[1:]) == sorted(sides)
    share = 2 if place.leaf in HALVES else 1
    return place.info.shape[0] * share == outputs and place.info.shape[1] == inputs


def _partner(module: AdaptedModule, place: _Place, experts: int) -> Partner:
    if place.expert is None:
        return Partner(replace(module, experts=place.info.shape[0]))
    return Partner(replace(module, experts=experts, expert=place.expert, half=HALVES.get(place.leaf, "")))
