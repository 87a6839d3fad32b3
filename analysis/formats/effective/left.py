"""Quantised weights that stay packed, and what serves quantised weights alone: listed, each with its reason."""

from collections.abc import Iterator, Mapping

from analysis.errors import escape
from analysis.formats.effective.numbers import SMALL
from analysis.formats.effective.records import Tensors
from analysis.formats.effective.scaled import ACTIVATIONS, KERAS, SCALES

PACKED = "packed quantised weight ({kind}): {why}"
WHY = "its values need unpacking first"
REASONS = {  # where more is known of why it is not unpacked
    "quanto": "its file does not say the shape of the weight, whose groups are parts of its rows",
    "torchao": "in the order of the kernel that multiplies with it, which the tensors do not tell",
    "Marlin": "in the order of the kernel that multiplies with it",
    "AQLM": "indices into code books of vectors",
    "VPTQ": "indices into code books of vectors",
    "QuIP#": "indices into a code book that is not in the file",
    "HIGGS": "indices into a grid of vectors, in the order of the kernel that multiplies with it",
}
# the kind, the leaf that marks it, and the leaves beside it that make the mark certain (one of them is enough)
MARKS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("HQQ", "W_q", frozenset({"meta", "scale", "zero", "nbits", "group_size", "shape", "quant_scale", "axis"})),
    ("quanto", "_data", frozenset({"_scale", "_shift"})),
    ("AQLM", "codes", frozenset({"codebooks"})),
    ("Marlin", "B", frozenset({"s"})),
    ("QuIP#", "Qidxs", frozenset({"SU", "SV"})),
    ("VPTQ", "indices", frozenset({"centroids"})),
    ("SpQR", "dense_weights", frozenset({"first_order_stats", "row_offsets"})),
    ("EETQ", "qweight", frozenset({"weight_scales"})),
    ("GPTQ or AWQ", "qweight", frozenset({"qzeros", "scales", "g_idx"})),
    ("compressed-tensors", "weight_packed", frozenset({"weight_scale", "weight_shape"})),
    ("ModelOpt", "weight", frozenset({"weight_scale_2"})),
    ("bitsandbytes", "weight", frozenset({"SCB", "weight_format"})),
    ("MLX", "weight", frozenset({"biases"})),
    ("torchao", "_weight_qdata", frozenset({"_weight_scale", "_weight_zero_point", "_weight_scale_and_zero"})),
    ("torchao", "qdata", frozenset({"scale", "zero_point", "scale_and_zero"})),
    ("EXL2", "q_weight", frozenset({"q_scale", "q_scale_max", "q_groups", "q_invperm"})),
    ("EXL3", "trellis", frozenset({"suh", "svh"})),
    ("HIGGS", "weight", frozenset({"tables", "tables2"})),
    ("sparse bitmask", "compressed", frozenset({"bitmask"})),
)
PLAIN = ("weight", "codes", "B", "indices", "_data")  # marks that layers of other kinds have too
MODULES = ("res_centroids", "outlier_centroids")  # of VPTQ: modules whose tensors serve the codes above them
CODES = ("int", "uint", "float8", "float4", "float6", "bool")
MLX = (
    "packed quantised weight (MLX): the shapes do not tell its bits from its groups; give the model's config.json, "
    "which says both"
)
SERVES = "belongs to a quantised weight and is not a weight itself"


def find(tensors: Tensors) -> Mapping[str, str]:
    """The stored tensors of such weights, with the reason for each."""
    reasons: dict[str, str] = {}
    leaves = _group_leaves(tensors)
    for name, tensor in tensors.items():
        _, leaf = _split_name(name)
        for kind, mark_name in _kinds_of(name, tensors, leaves):
            if name == mark_name:
                reasons[name] = MLX if kind == "MLX" else PACKED.format(kind=kind, why=REASONS.get(kind, WHY))
            elif leaf != "bias":
                reasons.setdefault(name, f"{SERVES} ({kind})")
        if name.endswith(KERAS) and tensor.dtype == "int8" and f"{name}_scale" in tensors:
            reasons[name] = PACKED.format(kind="Keras", why="of 8 or 4 bits, which its variables do not tell")
            reasons[f"{name}_scale"] = f"{SERVES} (Keras)"
        if (weight := _weight_of_scale(name, tensors)) is not None:
            reasons.setdefault(name, f"the scales of the quantised weight {escape(weight)}")
            shape = " × ".join(map(str, tensor.shape))
            reasons.setdefault(
                weight, f"quantised ({tensors[weight].dtype}): its scales, {shape}, fit no blocks in use"
            )
        if leaf in ACTIVATIONS and tensor.size <= 2:
            reasons.setdefault(name, "a scale of activations, no weight")
    return reasons


def _kinds_of(name: str, tensors: Tensors, beside: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
    """Each kind of quantised weight that a tensor belongs to, with the tensor of its codes."""
    stem, _ = _split_name(name)
    above, module = _split_name(stem.removesuffix("."))
    here, there = beside[stem], beside.get(above, frozenset())
    for kind, mark, certain in MARKS:
        is_inside = module == mark or module in certain or module in MODULES
        if certain.isdisjoint(here) and not (is_inside and not certain.isdisjoint(there)):
            continue
        for where in (stem, *([above] if is_inside else [])):
            marked = next((each for each in (f"{where}{mark}", f"{where}{mark}._data") if each in tensors), "")
            if not marked or certain.isdisjoint(beside[where]):
                continue
            if mark in PLAIN and not tensors[marked].dtype.startswith(CODES):
                continue
            if kind != "MLX" or tensors[marked].dtype == "uint32":
                yield kind, marked


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
    """What stands beside each tensor: the last words of their names, and those of the modules that hold tensors."""
    groups: dict[str, set[str]] = {}
    for name in tensors:
        stem, leaf = _split_name(name)
        groups.setdefault(stem, set()).add(leaf)
        above, _, module = stem.removesuffix(".").rpartition(".")
        groups.setdefault(f"{above}." if above else "", set()).add(module)
    return {stem: frozenset(leaves) for stem, leaves in groups.items()}
