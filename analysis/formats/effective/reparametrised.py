"""Weights that a model forms before it uses them: weight norm, spectral norm, pruning.

Both ways of PyTorch to write them: the older hooks (weight_g, weight_orig) and torch.nn.utils.parametrize.
"""

import math
import re
from collections.abc import Iterator, Mapping

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Tensors
from analysis.tensors.constants import FLOATS

PARAMETRISED = re.compile(r"(?P<stem>(?:.*\.)?)parametrizations\.(?P<leaf>[^.]+)\.original(?P<which>[01]?)")
INSIDE = "parametrizations."
BUFFER = re.compile(r"parametrizations\.[^.]+\.\d+\.")
PART = "what a parametrization keeps to form a weight, no weight by itself"
UNKNOWN = "the tensor under a parametrization whose formula the file does not tell: the weight cannot be formed from it"


def find(tensors: Tensors) -> Iterator[Effective]:
    """Every weight of these kinds."""
    for name in tensors:
        weight = _weight_norm(name, tensors) or _apply_mask(name, tensors) or _spectral_norm(name, tensors)
        if weight is not None and all(tensors[part].dtype in FLOATS for part in (weight.tensor,)):
            yield weight


def unknown(tensors: Tensors) -> Mapping[str, str]:
    """Tensors under parametrizations that are of none of these kinds, with the reason."""
    parts = {name: PART for name in tensors if INSIDE in name and BUFFER.search(name)}
    return parts | {name: UNKNOWN for name in tensors if _match(name)}


def _match(name: str) -> re.Match[str] | None:
    return PARAMETRISED.fullmatch(name) if INSIDE in name else None


def _weight_norm(name: str, tensors: Tensors) -> Effective | None:
    """`name` is the direction v: W = g · v / ‖v‖, the norm over all dimensions but g's (Salimans and Kingma 2016)."""
    match = _match(name)
    if match and match["which"] == "1":
        weight, length = match["stem"] + match["leaf"], name[:-1] + "0"
    elif name.endswith("_v"):
        weight, length = name[:-2], name[:-2] + "_g"
    else:
        return None
    if length not in tensors or weight in tensors or not _is_length(tensors[length].shape, tensors[name].shape):
        return None
    reasons = {length: f"the lengths of {escape(weight)}, which is analysed as g · v / ‖v‖ (weight norm)"}
    parts = {"v": name, "g": length}
    return Effective(
        name, weight, tensors[name].shape, parts, "weight norm", "g · v / ‖v‖ (weight norm)", reasons=reasons
    )


def _is_length(g: tuple[int, ...], v: tuple[int, ...]) -> bool:
    """Whether g has one length for each index of one dimension of v, or one for all."""
    if not g:
        return len(v) > 0
    return len(g) == len(v) and all(a in (1, b) for a, b in zip(g, v, strict=True)) and sum(a > 1 for a in g) <= 1


def _weight_normed(made: Effective, read: Parts) -> Array:
    v, g = read("v"), read("g")
    axes = tuple(axis for axis, extent in enumerate(g.shape) if extent == 1) or None if g.ndim else None
    if g.ndim and axes is None:
        return np.asarray(g * np.sign(v), v.dtype)  # each entry has its own length
    lengths = np.sqrt(np.square(v.astype(np.float64)).sum(axis=axes, keepdims=g.ndim > 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(g * (v / lengths), v.dtype)


def _apply_mask(name: str, tensors: Tensors) -> Effective | None:
    """W = weight_orig · weight_mask (torch.nn.utils.prune)."""
    weight, mask = name.removesuffix("_orig"), name.removesuffix("_orig") + "_mask"
    if weight == name or weight in tensors or mask not in tensors or tensors[mask].shape != tensors[name].shape:
        return None
    reasons = {mask: f"the mask of {escape(weight)}: 0 where it was pruned"}
    how = "weight_orig · weight_mask (pruned)"
    return Effective(name, weight, tensors[name].shape, {"w": name, "mask": mask}, "pruned", how, reasons=reasons)


def _spectral_norm(name: str, tensors: Tensors) -> Effective | None:
    """W = W₀ / σ with σ = uᵀ W₀ v of the vectors in the file (Miyato et al. 2018)."""
    match = _match(name)
    if match and match["which"] == "":
        base = name.removesuffix("original")
        weight, u, v = match["stem"] + match["leaf"], f"{base}0._u", f"{base}0._v"
    else:
        weight = name.removesuffix("_orig").removesuffix("_bar")
        u, v = weight + "_u", weight + "_v"
    if weight == name or weight in tensors or u not in tensors or _axis(name, u, v, tensors) is None:
        return None
    vectors = {"u": u, **({"v": v} if v in tensors else {})}
    reason = f"a singular vector of {escape(weight)}, which is analysed as W / σ (spectral norm)"
    reasons = dict.fromkeys(vectors.values(), reason)
    parts, how = {"w": name, **vectors}, "W / σ (spectral norm)"
    return Effective(name, weight, tensors[name].shape, parts, "spectral norm", how, reasons=reasons)


def _axis(name: str, u: str, v: str, tensors: Tensors) -> int | None:
    """The dimension of the outputs: 0, or 1 for a transposed convolution; None where the vectors fit neither."""
    shape = tensors[name].shape
    for axis in range(min(2, len(shape))):
        rest = math.prod(shape) // shape[axis] if shape[axis] else 0
        if tensors[u].shape == (shape[axis],) and (v not in tensors or tensors[v].shape == (rest,)):
            return axis
    return None


def _spectral_normed(made: Effective, read: Parts) -> Array:
    weight, u = read("w"), read("u").astype(np.float64)
    v = read("v").astype(np.float64) if "v" in made.parts else None
    sigmas = [s for axis in range(min(2, weight.ndim)) if (s := _sigma(weight, u, v, axis)) is not None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(weight / max(sigmas), weight.dtype)  # of two ways to lie, the vectors are of the larger σ


def _sigma(weight: Array, u: Array, v: Array | None, axis: int) -> float | None:
    matrix = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
    if len(u) != len(matrix) or (v is not None and len(v) != matrix.shape[1]):
        return None
    image = u @ matrix
    return float(np.linalg.norm(image) if v is None else image @ v)


FORMULAS = {
    "weight norm": Formula(_weight_normed),
    "pruned": Formula(lambda made, read: np.asarray(read("w") * read("mask").astype(read("w").dtype))),
    "spectral norm": Formula(_spectral_normed),
}
