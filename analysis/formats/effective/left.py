"""Quantised weights that stay packed, and what serves quantised weights alone: listed, each with its reason."""

from collections.abc import Mapping

from analysis.errors import escape
from analysis.formats.effective.numbers import SMALL
from analysis.formats.effective.records import Tensors
from analysis.formats.effective.scaled import ACTIVATIONS, SCALES

PACKED = "packed quantised weight ({kind}): its values need unpacking first"
# kind → the leaf that marks it, and the leaves beside it that make the mark certain (one of them is enough)
MARKS: Mapping[str, tuple[str, frozenset[str]]] = {
    "HQQ": ("W_q", frozenset({"meta", "scale", "zero", "nbits", "group_size", "shape", "quant_scale", "axis"})),
    "quanto": ("_data", frozenset({"_scale", "_shift"})),
    "AQLM": ("codes", frozenset({"codebooks"})),
    "Marlin": ("B", frozenset({"s"})),
    "QuIP#": ("Qidxs", frozenset({"SU", "SV"})),
    "VPTQ": ("indices", frozenset({"centroids"})),
    "SpQR": ("dense_weights", frozenset({"first_order_stats", "row_offsets"})),
    "EETQ": ("qweight", frozenset({"weight_scales"})),
    "GPTQ or AWQ": ("qweight", frozenset({"qzeros", "scales", "g_idx"})),
    "compressed-tensors": ("weight_packed", frozenset({"weight_scale", "weight_shape"})),
    "ModelOpt": ("weight", frozenset({"weight_scale_2"})),
    "bitsandbytes": ("weight", frozenset({"SCB", "weight_format"})),
    "MLX": ("weight", frozenset({"biases"})),
    "torchao": ("weight_qdata", frozenset({"weight_scale", "weight__scale"})),
}
CODES = ("int", "uint", "float8", "float4", "float6", "bool")
MLX = (
    "packed quantised weight (MLX): the shapes do not tell its bits from its groups; give the model's config.json, "
    "which says both"
)
SERVES = "belongs to a quantised weight and is not a weight itself"


def find(tensors: Tensors) -> Mapping[str, str]:
    """The stored tensors of such weights, with the reason for each."""
    found: dict[str, str] = {}
    beside = _group_leaves(tensors)
    for name, stored in tensors.items():
        stem, leaf = _split_name(name)
        for kind, (mark, certain) in MARKS.items():
            marked, others = f"{stem}{mark}", beside[stem]
            if marked not in tensors or certain.isdisjoint(others):
                continue
            if mark in ("weight", "codes", "B", "indices") and not tensors[marked].dtype.startswith(CODES):
                continue
            if kind == "MLX" and tensors[marked].dtype != "uint32":
                continue
            if name == marked:
                found[name] = MLX if kind == "MLX" else PACKED.format(kind=kind)
            elif leaf != "bias":
                found.setdefault(name, f"{SERVES} ({kind})")
        if (weight := _weight_of_scale(name, tensors)) is not None:
            found.setdefault(name, f"the scales of the quantised weight {escape(weight)}")
            shape = " × ".join(map(str, stored.shape))
            found.setdefault(weight, f"quantised ({tensors[weight].dtype}): its scales, {shape}, fit no blocks in use")
        if leaf in ACTIVATIONS and stored.size <= 2:
            found.setdefault(name, "a scale of activations, no weight")
    return found


def _weight_of_scale(name: str, tensors: Tensors) -> str | None:
    """The 8-bit weight that tensors of this name scale."""
    stem, leaf = _split_name(name)
    weight = f"{stem}weight"
    scales = leaf in SCALES and weight in tensors and tensors[weight].dtype in (*SMALL, "int8")
    return weight if scales else None


def _split_name(name: str) -> tuple[str, str]:
    """("layers.0.q.", "W_q"); quanto's "weight._data" is parted behind "weight." too."""
    stem, dot, leaf = name.rpartition(".")
    return stem + dot, leaf


def _group_leaves(tensors: Tensors) -> Mapping[str, frozenset[str]]:
    held: dict[str, set[str]] = {}
    for name in tensors:
        stem, leaf = _split_name(name)
        held.setdefault(stem, set()).add(leaf)
    return {stem: frozenset(leaves) for stem, leaves in held.items()}
