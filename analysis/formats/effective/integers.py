"""Integers of 8 and 4 bits with scales and zero points: PyTorch's own, torchao's, ModelOpt's int4.

torchao's tensors (torchao/quantization/quantize_/workflows) are called "q._weight_qdata" in safetensors and
"q.weight.qdata" where PyTorch pickled them; those of PyTorch's own quantised tensors are called so here.

8 bits: W = (q − zero) · scale, with one scale, one for each output, or one for each part of its row. 4 bits of torchao:
two inputs in a byte, the lower half first, W = q · scale + zero, with scale and zero as (groups, out). 4 bits of
ModelOpt (modelopt/torch/export/quant_utils.py): two outputs in a byte, the even one in the lower half, W = q · scale.
"""

import math
from collections.abc import Iterator

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Tensors
from analysis.tensors.constants import FLOATS

WHOLE = ("int8", "uint8", "int16", "int32", "int64")


def find(tensors: Tensors) -> Iterator[Effective]:
    for name in tensors:
        made = _modelopt(name, tensors) if name.endswith("weight") else _torchao(name, tensors)
        if made is not None:
            yield made


def _torchao(name: str, tensors: Tensors) -> Effective | None:
    stem = _stem_of(name)
    if stem is None or tensors[name].dtype not in ("int8", "uint8"):
        return None
    own_parts = {"codes": name, "scales": f"{stem}scale"}
    if f"{stem}zero_point" in tensors:
        own_parts["zeros"] = f"{stem}zero_point"
    if own_parts["scales"] not in tensors or tensors[own_parts["scales"]].dtype not in FLOATS:
        return None
    weight = f"{stem.removesuffix('_weight_')}weight" if stem.endswith("_weight_") else stem.removesuffix(".")
    return _eight_bits(name, weight, own_parts, tensors) or _four_bits(name, weight, own_parts, tensors)


def _stem_of(name: str) -> str | None:
    """What stands before "scale" in the name of its scales; None of other tensors."""
    ends = name.endswith((".qdata", "._weight_qdata")) or name == "_weight_qdata"
    return name.removesuffix("qdata") if ends else None


def _eight_bits(name: str, weight: str, own: dict[str, str], tensors: Tensors) -> Effective | None:
    shape, scale = tensors[name].shape, tensors[own["scales"]].shape
    groups = _groups(shape, scale)
    zeros = tensors[own["zeros"]] if "zeros" in own else None
    if len(shape) < 2 or not groups:
        return None
    if zeros is not None and (zeros.dtype not in WHOLE or zeros.shape != tensors[own["scales"]].shape):
        return None
    size = shape[-1] // groups
    what = "one scale" if math.prod(scale) == 1 else "a scale for each output" if groups == 1 else f"groups of {size}"
    how = f"dequantised from 8-bit integers: {what}"
    return _make(name, weight, shape, own, "int8 in groups", how, size)


def _groups(shape: tuple[int, ...], scale: tuple[int, ...]) -> int:
    """How many parts of a row have a scale each; 0 where the scales are no such parts."""
    if math.prod(scale) == 1 or scale == shape[:1]:
        return 1
    fits = len(scale) == len(shape) and scale[:-1] == shape[:-1] and scale[-1] > 0
    return scale[-1] if fits and shape[-1] % scale[-1] == 0 else 0


def _four_bits(name: str, weight: str, own: dict[str, str], tensors: Tensors) -> Effective | None:
    *stack, rows, half = tensors[name].shape if len(tensors[name].shape) > 1 else (0, 0)
    scale = tensors[own["scales"]]
    groups = scale.shape[-2] if len(scale.shape) == len(stack) + 2 else 0
    if not groups or scale.shape != (*stack, groups, rows) or 2 * half % groups or "zeros" not in own:
        return None
    if tensors[own["zeros"]].shape != scale.shape or tensors[own["zeros"]].dtype not in FLOATS:
        return None
    size = 2 * half // groups
    how = f"dequantised from torchao: 4-bit integers, groups of {size}"
    return _make(name, weight, (*stack, rows, 2 * half), own, "int4 of inputs", how, size)


def _modelopt(name: str, tensors: Tensors) -> Effective | None:
    """ModelOpt's int4: weight (…, out / 2, in), weight_scale (…, out, groups), and pre_quant_scale of the inputs."""
    stem, stored = name.removesuffix("weight"), tensors[name]
    scales, inputs = f"{stem}weight_scale", f"{stem}pre_quant_scale"
    if stored.dtype != "uint8" or scales not in tensors or f"{stem}weight_scale_2" in tensors:
        return None
    scale = tensors[scales]
    *stack, half, columns = stored.shape if len(stored.shape) > 1 else (0, 0)
    if scale.dtype not in FLOATS or len(scale.shape) != len(stored.shape) or not half or not columns:
        return None
    groups = scale.shape[-1]
    if scale.shape[:-1] != (*stack, 2 * half) or not groups or columns % groups:
        return None
    own_parts = {"codes": name, "scales": scales}
    if inputs in tensors:
        if tensors[inputs].shape != (columns,) or tensors[inputs].dtype not in FLOATS:
            return None
        own_parts["inputs"] = inputs
    how = f"dequantised from ModelOpt: 4-bit integers, groups of {columns // groups}"
    return _make(name, name, (*stack, 2 * half, columns), own_parts, "int4 of outputs", how, columns // groups)


WORDS = {"scales": "the scales", "zeros": "the zero points", "inputs": "the scales of the inputs"}


def _make(
    name: str, weight: str, shape: tuple[int, ...], own: dict[str, str], formula: str, how: str, size: int
) -> Effective:
    reasons = {
        other: f"{WORDS[part]} of the quantised weight {escape(weight)}"
        for part, other in own.items()
        if part != "codes"
    }
    return Effective(name, weight, shape, own, formula, how, {"group": size}, reasons, quantised=True)


def _each(groups: Array, made: Effective) -> Array:
    """A value for each input, of one for all, for each output, or for each group of inputs on the last side."""
    groups = groups.astype(np.float32)
    if groups.size == 1:
        return groups.reshape(())
    if groups.ndim == 1:
        return groups.reshape(-1, *(1 for _ in made.shape[1:]))
    return np.repeat(groups, made.numbers["group"], -1)


def _signed(halves: Array) -> Array:
    """Codes of 4 bits in two's complement."""
    return (halves.astype(np.int8) ^ 8) - 8


def _in_groups(made: Effective, read: Parts) -> Array:
    codes = read("codes").astype(np.float32)
    return (codes - _each(read("zeros"), made) if "zeros" in made.parts else codes) * _each(read("scales"), made)


def _of_inputs(made: Effective, read: Parts) -> Array:
    octets = read("codes").view(np.uint8)
    codes = np.stack([_signed(octets & 15), _signed(octets >> 4)], axis=-1).reshape(made.shape)
    scales, zeros = (_each(np.swapaxes(read(part), -1, -2), made) for part in ("scales", "zeros"))
    return np.asarray(codes * scales + zeros)


def _of_outputs(made: Effective, read: Parts) -> Array:
    octets = read("codes")
    codes = np.stack([_signed(octets & 15), _signed(octets >> 4)], axis=-2).reshape(made.shape)
    values = codes * _each(read("scales"), made)
    return np.asarray(values * read("inputs").astype(np.float32) if "inputs" in made.parts else values)


def _scales(made: Effective, read: Parts) -> Array:
    return read("scales")


FORMULAS = {
    "int8 in groups": Formula(_in_groups, _scales),
    "int4 of inputs": Formula(_of_inputs, _scales),
    "int4 of outputs": Formula(_of_outputs, _scales),
}
