"""Floats of 4 or 8 bits with a scale for each small block along the inputs: MXFP4, NVFP4 and MXFP8 of several tools.

OCP Microscaling Formats (MX) 1.0: a block of 32 with a power of two. NVFP4: a block of 16 with an 8-bit float, and one
scale of the whole weight, which compressed-tensors divides by and ModelOpt multiplies with. Two codes of 4 bits share a
byte, the lower half first.
"""

import math
from collections.abc import Iterator

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.numbers import FP4, codes, decode_e4m3
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Settings, Tensors
from analysis.tensors.constants import FLOATS

# of each of MLX's modes: bits of a code, entries of a block, what a scale is
MLX = {"mxfp4": (4, 32, "exponent"), "nvfp4": (4, 16, "e4m3"), "mxfp8": (8, 32, "exponent")}
KINDS = ("float", "exponent", "e4m3")  # what the scales are


def find(tensors: Tensors, settings: Settings) -> Iterator[Effective]:
    for name in tensors:
        made = (
            _read_compressed(name, tensors)
            or _modelopt(name, tensors)
            or _experts(name, tensors)
            or _mlx(name, tensors, settings)
        )
        if made is not None:
            yield made


def _read_compressed(name: str, tensors: Tensors) -> Effective | None:
    """compressed-tensors: weight_packed and weight_scale, of NVFP4 also weight_global_scale, which is divided by."""
    stem = name.removesuffix(".weight_packed")
    scales, whole = f"{stem}.weight_scale", f"{stem}.weight_global_scale"
    if stem == name or tensors[name].dtype != "uint8" or scales not in tensors:
        return None
    if whole in tensors:
        return _make(name, f"{stem}.weight", {"scales": scales, "divisor": whole}, tensors, 16, "float")
    return _make(name, f"{stem}.weight", {"scales": scales}, tensors, 32, "exponent")


def _modelopt(name: str, tensors: Tensors) -> Effective | None:
    """ModelOpt's NVFP4: weight, weight_scale, and weight_scale_2, which is multiplied with.

    ComfyUI's files have the same names and scales in another order, told by comfy_quant.
    """
    stem = name.removesuffix("weight")
    scales, whole = f"{stem}weight_scale", f"{stem}weight_scale_2"
    if stem == name or tensors[name].dtype != "uint8" or not {scales, whole} <= tensors.keys():
        return None
    if f"{stem}comfy_quant" in tensors or tensors[scales].dtype != "float8_e4m3fn":
        return None
    own_parts, inputs = {"scales": scales, "factor": whole}, f"{stem}pre_quant_scale"
    if inputs in tensors:  # of AWQ: the layer multiplies its inputs with it
        own_parts["inputs"] = inputs
    return _make(name, name, own_parts, tensors, 16, "float")


def _make(name: str, weight: str, parts: dict[str, str], tensors: Tensors, group: int, kind: str) -> Effective | None:
    *stack, rows, half = tensors[name].shape if len(tensors[name].shape) > 1 else (0, 0)
    scales = tensors[parts["scales"]]
    whole = [tensors[part] for key, part in parts.items() if key not in ("scales", "inputs")]
    inputs = tensors[parts["inputs"]] if "inputs" in parts else None
    if inputs is not None and (inputs.shape != (2 * half,) or inputs.dtype not in FLOATS):
        return None
    if (2 * half) % group or scales.shape != (*stack, rows, 2 * half // group):
        return None
    if any(math.prod(each.shape) != 1 for each in whole) or (kind == "exponent") != (scales.dtype in EXPONENTS):
        return None
    reasons = dict.fromkeys(parts.values(), f"a scale of the quantised weight {escape(weight)}")
    how = f"dequantised from {'NVFP4' if group == 16 else 'MXFP4'}: 4-bit floats, a scale for each {group}"
    numbers = {"bits": 4, "group": group, "kind": KINDS.index(kind) if scales.dtype == "uint8" else 0}
    shape = (*stack, rows, 2 * half)
    return Effective(name, weight, shape, {"codes": name, **parts}, "blocks of floats", how, numbers, reasons, True)


EXPONENTS = ("uint8", "float8_e8m0fnu")


def _experts(name: str, tensors: Tensors) -> Effective | None:
    """gpt-oss: gate_up_proj_blocks (experts, out, groups, 16) and …_scales (experts, out, groups).

    In OpenAI's own files mlp1_weight.blocks and mlp1_weight.scales, whose model holds (experts, out, in).
    """
    for blocks, others, inputs_first in (("_blocks", "_scales", True), (".blocks", ".scales", False)):
        weight = name.removesuffix(blocks)
        scales = f"{weight}{others}"
        if weight == name or weight in tensors or scales not in tensors:
            continue
        shape = tensors[name].shape
        if tensors[name].dtype != "uint8" or tensors[scales].dtype != "uint8" or len(shape) != 4:
            continue
        if shape[3] != 16 or tensors[scales].shape != shape[:3]:
            continue
        reasons = {scales: f"the scales of the quantised weight {escape(weight)}"}
        how = "dequantised from MXFP4: 4-bit floats, a scale for each 32"
        sides = (32 * shape[2], shape[1])  # (in, out), as the model of transformers holds it
        whole = (shape[0], *(sides if inputs_first else sides[::-1]))
        parts, numbers = {"codes": name, "scales": scales}, {"turned": int(inputs_first)}
        return Effective(name, weight, whole, parts, "mxfp4", how, numbers, reasons, quantised=True)
    return None


def _mlx(name: str, tensors: Tensors, settings: Settings) -> Effective | None:
    """MLX's modes of floats: weight (…, out, in · bits / 32) and scales (…, out, groups) of bytes, without biases."""
    stem = name.removesuffix(".weight")
    scales = f"{stem}.scales"
    if stem == name or tensors[name].dtype != "uint32" or scales not in tensors or f"{stem}.biases" in tensors:
        return None
    own = settings.get(stem)
    mode = (own if isinstance(own, dict) else settings).get("mode")
    if mode not in MLX or tensors[scales].dtype != "uint8" or len(tensors[name].shape) < 2:
        return None
    bits, group, kind = MLX[str(mode)]
    *rows, words = tensors[name].shape
    inputs = words * 32 // bits
    if inputs % group or tensors[scales].shape != (*rows, inputs // group):
        return None
    how = f"dequantised from MLX's {mode}: {bits}-bit floats, a scale for each {group}"
    reasons = {scales: f"the scales of the quantised weight {escape(name)}"}
    numbers, parts = {"bits": bits, "group": group, "kind": KINDS.index(kind)}, {"codes": name, "scales": scales}
    return Effective(name, name, (*rows, inputs), parts, "blocks of floats", how, numbers, reasons, quantised=True)


def _scales(made: Effective, read: Parts) -> Array:
    found = read("scales")
    match KINDS[made.numbers.get("kind", 1)]:
        case "exponent":
            found = _power(found)
        case "e4m3":
            found = decode_e4m3(found)
    if "divisor" in made.parts:
        return np.asarray(found / read("divisor").astype(np.float32).reshape(()))
    factor = read("factor").astype(np.float32).reshape(()) if "factor" in made.parts else np.float32(1)
    return np.asarray(found * factor)


def _power(exponents: Array) -> Array:
    """2^(e − 127), and NaN for 255."""
    powers = np.exp2(np.minimum(exponents.astype(np.float64) - 127, 127)).astype(np.float32)
    return np.where(exponents == 255, np.float32(np.nan), powers)


def _values(made: Effective, read: Parts) -> Array:
    q, inputs = codes(read("codes"), made.numbers["bits"], made.shape[-1]), made.shape[-1]
    found = FP4[q] if made.numbers["bits"] == 4 else decode_e4m3(q)
    values = found * np.repeat(_scales(made, read), made.numbers["group"], -1)[..., :inputs]
    return np.asarray(values * read("inputs").astype(np.float32) if "inputs" in made.parts else values)


def _experts_scales(made: Effective, read: Parts) -> Array:
    return _power(read("scales"))


def _experts_values(made: Effective, read: Parts) -> Array:
    packed = read("codes")
    found = FP4[codes(packed, 4, 32)] * _experts_scales(made, read)[..., None]
    whole = found.reshape(*found.shape[:2], -1)
    return np.ascontiguousarray(np.swapaxes(whole, 1, 2) if made.numbers["turned"] else whole)


FORMULAS = {
    "blocks of floats": Formula(_values, _scales),
    "mxfp4": Formula(_experts_values, _experts_scales),
}
