"""One number for each entry and scales beside it: fp8 of DeepSeek, compressed-tensors and ComfyUI, int8 with scales.

Also fp8 of torchao (`_weight_qdata`, `weight.qdata`), quanto's 8 bits (`weight._data`), and fp8 without scales, whose
values are the weight's.
"""

import math
from collections.abc import Iterator

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.numbers import SMALL, over
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Settings, Tensors
from analysis.tensors.constants import FLOATS

# the names of a weight's scales; the value is multiplied by them, "inv" or not
# (DeepSeek-V3: weight_scale_inv; compressed-tensors, FBGEMM: weight_scale; ComfyUI: scale_weight; TensorRT-LLM)
SCALES = ("weight_scale_inv", "weight_scale", "scale_weight", "weights_scaling_factor", "scale")
NAMED_CODES = ("_weight_qdata", "qdata", "_data")
KERAS = ("/kernel", "/embeddings")  # which it divides by their scales
BLOCKS = (1, 16, 32, 64, 128, 256)  # sides of the blocks that are in use
ACTIVATIONS = ("input_scale", "input_scale_ub", "scale_input", "output_scale", "k_scale", "v_scale")


def find(tensors: Tensors, settings: Settings) -> Iterator[Effective]:
    for name, tensor in tensors.items():
        if tensor.dtype not in SMALL and tensor.dtype != "int8":
            continue
        parts = _parts(name, tensors)
        if parts is None:
            if tensor.dtype in SMALL and len(tensor.shape) > 1 and not _has_other_scales(name, tensors):
                yield Effective(name, name, tensor.shape, {"codes": name}, "cast", f"stored as {tensor.dtype}")
            continue
        block = _block(tensor.shape, tensors[parts["scales"]].shape, settings)
        if block is not None:
            yield _make(name, tensors, parts, block)


def _parts(name: str, tensors: Tensors) -> dict[str, str] | None:
    """The weight, its scales and its zero points."""
    stem, dot, leaf = name.rpartition(".")
    if leaf in NAMED_CODES:
        return _named_parts(name, tensors)
    if name.endswith(KERAS):
        return None
    own_names = [f"{name}_scale_inv", f"{name}_scale"]  # of parameters without a module: experts.gate_up_proj
    candidates = ([f"{stem}{dot}{scale}" for scale in SCALES] if leaf == "weight" else []) + own_names
    scales = next((other for other in candidates if other in tensors), None)
    if scales is None or _more_scales(stem + dot, tensors):
        return None
    zeros = f"{stem}{dot}weight_zero_point"
    return {"codes": name, "scales": scales, **({"zeros": zeros} if zeros in tensors else {})}


def _named_parts(name: str, tensors: Tensors) -> dict[str, str] | None:
    """Of torchao and quanto. torchao's MX has powers of two as scales, in an order that the tensors do not tell."""
    ending = next((ending for ending in ("qdata", "data") if name.endswith(ending)), "")
    stem = name.removesuffix(ending)
    scales, others = f"{stem}scale", (f"{stem}zero_point", f"{stem}shift", f"{stem}per_tensor_scale")
    known = scales in tensors and not any(other in tensors for other in others)
    return {"codes": name, "scales": scales} if known and tensors[scales].dtype in FLOATS else None


def _more_scales(prefix: str, tensors: Tensors) -> bool:
    """ModelOpt keeps a second scale, in a way that is listed and not computed."""
    return f"{prefix}weight_scale_2" in tensors or f"{prefix}weight_scales" in tensors


def _has_other_scales(name: str, tensors: Tensors) -> bool:
    stem, dot, _ = name.rpartition(".")
    return any(
        other in tensors
        for other in (
            f"{stem}{dot}scales",
            f"{stem}{dot}weight_scale_2",
            f"{stem}{dot}_weight_scale",
            f"{name}_scales",
            *(f"{stem}{dot}{scale}" for scale in ("scale", "_scale") if name.endswith(NAMED_CODES)),
        )
    )


def _block(shape: tuple[int, ...], scale: tuple[int, ...], settings: Settings) -> tuple[int, int] | None:
    """Sides of the block that has one scale; None where the scales fit no division in use."""
    if math.prod(scale) == 1:
        return (shape[-2], shape[-1]) if len(shape) > 1 else None
    if len(shape) < 2 or len(shape) < len(scale):
        return None
    if len(scale) == 1:
        scale = (*scale, 1)
    stack = scale[:-2]
    if any(a not in (1, b) for a, b in zip(stack, shape[len(shape) - len(scale) : -2], strict=True)):
        return None
    sides = [_side(n, s, hint) for n, s, hint in zip(shape[-2:], scale[-2:], _block_of(settings), strict=True)]
    return None if sides[0] is None or sides[1] is None else (sides[0], sides[1])


def _block_of(settings: Settings) -> tuple[object, object]:
    sides = settings.get("weight_block_size")
    return (sides[0], sides[1]) if isinstance(sides, list) and len(sides) == 2 else (None, None)


def _side(extent: int, scales: int, said: object) -> int | None:
    if scales == 1:
        return extent
    likely = [said] if isinstance(said, int) else [128, *BLOCKS]
    return next((side for side in likely if side > 0 and -(-extent // side) == scales), None)


def _make(name: str, tensors: Tensors, parts: dict[str, str], block: tuple[int, int]) -> Effective:
    shape, dtype = tensors[name].shape, tensors[name].dtype
    reasons = {parts["scales"]: f"the scales of the quantised weight {escape(name)}"}
    if "zeros" in parts:
        reasons[parts["zeros"]] = f"the zero points of the quantised weight {escape(name)}"
    if block == shape[-2:]:
        size = "one scale"
    elif block == (1, shape[-1]):
        size = "a scale for each output"
    else:
        size = f"a scale for each {block[0]} × {block[1]} block"
    how = f"dequantised from {dtype}: {size}"
    numbers = {"rows": block[0], "columns": block[1], "relative": int(dtype in SMALL)}
    weight = f"{name.removesuffix('_weight_qdata')}weight" if name.endswith("_weight_qdata") else name
    weight = weight.removesuffix(".qdata").removesuffix("._data")
    return Effective(name, weight, shape, parts, "scaled", how, numbers, reasons, quantised=True)


def _entry_scales(made: Effective, read: Parts) -> Array:
    scale = read("scales").astype(np.float32)
    if scale.size == 1:
        return scale.reshape(())
    if scale.ndim == 1:
        scale = scale[:, None]
    return over(made.shape, scale, (made.numbers["rows"], made.numbers["columns"]))


def _scaled_values(made: Effective, read: Parts) -> Array:
    q = read("codes").astype(np.float32)
    if "zeros" in made.parts:
        zeros = read("zeros").astype(np.float32)
        zeros = zeros[:, None] if zeros.ndim == 1 else zeros
        q = q - (
            zeros.reshape(())
            if zeros.size == 1
            else over(made.shape, zeros, (made.numbers["rows"], made.numbers["columns"]))
        )
    return np.asarray(q * _entry_scales(made, read), np.float32)


def _step(made: Effective, read: Parts) -> Array:
    """Of whole numbers the scale; a float's step grows with its value, and is that of its largest ones here."""
    scale = read("scales").astype(np.float32)
    if not made.numbers["relative"]:
        return scale
    return np.asarray(np.abs(_scaled_values(made, read)).max(initial=0.0) * np.float32(2.0**-3))


FORMULAS = {
    "cast": Formula(lambda made, read: read("codes")),
    "scaled": Formula(_scaled_values, _step),
}
