"""Codes of a few bits, packed into whole numbers beside the scales of their groups: GPTQ, AWQ, MLX, compressed-tensors.

Shapes: W is (out, in). The formulas are those of the tools' own kernels for processors.
"""

import math
from collections.abc import Iterator

import numpy as np

from analysis.errors import escape
from analysis.formats.effective.numbers import codes, each, numbers
from analysis.formats.effective.records import Array, Effective, Formula, Parts, Settings, Tensors

PACKED = ("int32", "uint32")
BITS = (2, 3, 4, 5, 6, 8)
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)  # the column of each nibble (awq/modules/linear/gemm.py, order_map)
WIDEST = 2**31  # of a side that a file states


def companions(weight: str, parts: dict[str, str], main: str, what: dict[str, str]) -> dict[str, str]:
    """The reason for each part but the main one."""
    return {
        name: f"{what[part]} of the quantised weight {escape(weight)}" for part, name in parts.items() if part != main
    }


WORDS = {
    "scales": "the scales", "zeros": "the zero points", "order": "the order of the inputs", "biases": "the offsets",
    "shape": "the shape",
}  # fmt: skip


def _find_parts(tensors: Tensors, stem: str, **leaves: str) -> dict[str, str]:
    return {part: f"{stem}.{leaf}" for part, leaf in leaves.items() if f"{stem}.{leaf}" in tensors}


# --- GPTQ and AWQ: qweight, qzeros, scales (groups, out) ------------------------------------------------------------


def find_gptq_and_awq(tensors: Tensors, settings: Settings) -> Iterator[Effective]:
    for name in tensors:
        stem, _, leaf = name.rpartition(".")
        if leaf != "qweight" or f"{stem}.weight" in tensors:
            continue
        parts = _find_parts(tensors, stem, codes="qweight", zeros="qzeros", scales="scales", order="g_idx")
        if not {"zeros", "scales"} <= set(parts):
            continue
        if (weight := _gptq(tensors, settings, stem, parts) or _awq(tensors, stem, parts)) is not None:
            yield weight


def _gptq(tensors: Tensors, settings: Settings, stem: str, parts: dict[str, str]) -> Effective | None:
    """A qweight (in · bits / 32, out), qzeros (groups, out · bits / 32)."""
    q, z, s = (tensors[parts[part]] for part in ("codes", "zeros", "scales"))
    if not (len(q.shape) == len(z.shape) == len(s.shape) == 2 and q.dtype in PACKED and z.dtype in PACKED):
        return None
    outputs, groups = s.shape[1], s.shape[0]
    bits = 32 * z.shape[1] // outputs if outputs else 0
    if q.shape[1] != outputs or z.shape[0] != groups or bits not in BITS or 32 * z.shape[1] != outputs * bits:
        return None
    if q.shape[0] * 32 % bits or settings.get("bits", bits) != bits:
        return None
    inputs = q.shape[0] * 32 // bits
    size = _group_size(inputs, groups, tensors, settings, parts)
    if not size:
        return None
    offset = 0 if settings.get("checkpoint_format") == "gptq_v2" else 1  # version 1 stores each zero point less one
    weight = f"{stem}.weight"
    how = f"dequantised from GPTQ: {bits} bits, groups of {size}"
    sizes = {"bits": bits, "group": size, "groups": groups, "offset": offset}
    reasons = companions(weight, parts, "codes", WORDS)
    return Effective(parts["codes"], weight, (outputs, inputs), parts, "gptq", how, sizes, reasons, quantised=True)


def _group_size(inputs: int, groups: int, tensors: Tensors, settings: Settings, parts: dict[str, str]) -> int:
    """How many inputs share a scale; 0 where the file does not say it, or its order names groups that are not there."""
    if not 0 < groups <= inputs:
        return 0
    said, each = settings.get("group_size"), -(-inputs // groups)
    if isinstance(said, int) and not isinstance(said, bool) and said > 0 and -(-inputs // said) == groups:
        each = said
    if "order" not in parts:
        return each if each == said or inputs % groups == 0 else 0
    order = tensors[parts["order"]]
    if order.shape != (inputs,) or order.dtype not in ("int32", "int64"):
        return 0
    held = numbers(order)
    return each if int(held.min()) >= -groups and int(held.max()) < groups else 0


def _groups_of_inputs(made: Effective, read: Parts) -> Array:
    inputs, size = made.shape[1], made.numbers["group"]
    plain = np.arange(inputs) // size
    if "order" not in made.parts:
        return plain
    order, count = read("order").astype(np.int64), made.numbers["groups"]
    return plain if not order.any() else np.where(order < 0, order + count, order)


def _gptq_values(made: Effective, read: Parts) -> Array:
    outputs, inputs = made.shape
    bits = made.numbers["bits"]
    q = codes(read("codes").T, bits, inputs)  # (out, in)
    zeros = codes(read("zeros"), bits, outputs).astype(np.float32) + made.numbers["offset"]  # (groups, out)
    group = _groups_of_inputs(made, read)
    return (q.astype(np.float32) - zeros.T[:, group]) * read("scales").astype(np.float32).T[:, group]


def _awq(tensors: Tensors, stem: str, parts: dict[str, str]) -> Effective | None:
    """A qweight (in, out / 8), qzeros (groups, out / 8): 4 bits, eight columns in a word in an order of their own."""
    q, z, s = (tensors[parts[part]] for part in ("codes", "zeros", "scales"))
    if not (len(q.shape) == len(z.shape) == len(s.shape) == 2 and q.dtype in PACKED and z.dtype in PACKED):
        return None
    inputs, outputs, groups = q.shape[0], s.shape[1], s.shape[0]
    if 8 * q.shape[1] != outputs or 8 * z.shape[1] != outputs or z.shape[0] != groups or not groups or inputs % groups:
        return None
    weight, size = f"{stem}.weight", inputs // groups
    how = f"dequantised from AWQ: 4 bits, groups of {size}"
    own_parts = {part: name for part, name in parts.items() if part != "order"}
    reasons = companions(weight, own_parts, "codes", WORDS)
    return Effective(
        parts["codes"], weight, (outputs, inputs), own_parts, "awq", how, {"group": size}, reasons, quantised=True
    )


def _awq_codes(packed: Array) -> Array:
    words = packed.view(np.uint32)
    digits = np.empty((*words.shape, 8), np.uint8)
    for place, column in enumerate(AWQ_ORDER):
        digits[..., column] = (words >> (4 * place)) & 15
    return digits.reshape(*words.shape[:-1], -1)


def _awq_values(made: Effective, read: Parts) -> Array:
    inputs, size = made.shape[1], made.numbers["group"]
    zeros = each(_awq_codes(read("zeros")).astype(np.float32), size, inputs, 0)
    scales = each(read("scales").astype(np.float32), size, inputs, 0)
    return np.ascontiguousarray(((_awq_codes(read("codes")).astype(np.float32) - zeros) * scales).T)


# --- MLX: weight (…, out, in · bits / 32), scales and biases (…, out, groups) ---------------------------------------


def find_mlx(tensors: Tensors, settings: Settings) -> Iterator[Effective]:
    for name in tensors:
        stem, _, leaf = name.rpartition(".")
        if leaf != "weight" or tensors[name].dtype != "uint32":
            continue
        parts = {"codes": name, **_find_parts(tensors, stem, scales="scales", biases="biases")}
        if len(parts) == 3 and (weight := _mlx(tensors, settings, stem, parts)) is not None:
            yield weight


def _mlx(tensors: Tensors, settings: Settings, stem: str, parts: dict[str, str]) -> Effective | None:
    """Shapes tell bits · group alone, so the config must say one of the two."""
    q, s, b = (tensors[parts[part]].shape for part in ("codes", "scales", "biases"))
    own = settings.get(stem)
    fields = own if isinstance(own, dict) else settings
    bits, size = fields.get("bits"), fields.get("group_size")
    if bits not in BITS or not isinstance(size, int) or isinstance(size, bool) or not 0 < size < WIDEST:
        return None
    if len(q) < 2 or s != b or len(s) != len(q) or q[:-1] != s[:-1] or fields.get("mode", "affine") != "affine":
        return None
    inputs = s[-1] * size
    if inputs * int(bits) != q[-1] * 32:
        return None
    weight = parts["codes"]
    how = f"dequantised from MLX: {bits} bits, groups of {size}"
    sizes, reasons = {"bits": int(bits), "group": size}, companions(weight, parts, "codes", WORDS)
    return Effective(weight, weight, (*q[:-1], inputs), parts, "mlx", how, sizes, reasons, quantised=True)


def _mlx_values(made: Effective, read: Parts) -> Array:
    inputs, size = made.shape[-1], made.numbers["group"]
    q = codes(read("codes"), made.numbers["bits"], inputs)
    scales, biases = (each(read(part).astype(np.float32), size, inputs) for part in ("scales", "biases"))
    return q * scales + biases


# --- compressed-tensors: weight_packed (out, in · bits / 32), weight_scale (out, groups), weight_shape --------------


def find_compressed(tensors: Tensors, settings: Settings) -> Iterator[Effective]:
    for name in tensors:
        stem, _, leaf = name.rpartition(".")
        if leaf != "weight_packed" or f"{stem}.weight" in tensors:
            continue
        parts = _find_parts(
            tensors, stem, codes="weight_packed", scales="weight_scale", zeros="weight_zero_point",
            order="weight_g_idx", shape="weight_shape",
        )  # fmt: skip
        if {"scales", "shape"} <= set(parts) and (weight := _decompress(tensors, settings, stem, parts)) is not None:
            yield weight


def _decompress(tensors: Tensors, settings: Settings, stem: str, parts: dict[str, str]) -> Effective | None:
    q, s = tensors[parts["codes"]], tensors[parts["scales"]]
    if q.dtype != "int32" or len(q.shape) != 2 or tensors[parts["shape"]].shape != (2,):
        return None
    outputs, inputs = (int(side) for side in tensors[parts["shape"]].load().astype(np.int64))
    bits = next((b for b in _bits_said(settings) if q.shape == (outputs, -(-inputs * b // 32))), None)
    groups = s.shape[1] if len(s.shape) == 2 else 1
    size = 0 if bits is None else _group_size(inputs, groups, tensors, settings, parts)
    if bits is None or s.shape[:1] != (outputs,) or not size or math.prod(s.shape) != outputs * groups:
        return None
    if "zeros" in parts and tensors[parts["zeros"]].shape != (-(-outputs * bits // 32), groups):
        return None
    weight = f"{stem}.weight"
    how = f"dequantised from compressed-tensors: {bits} bits, groups of {size}"
    sizes, reasons = {"bits": bits, "group": size, "groups": groups}, companions(weight, parts, "codes", WORDS)
    return Effective(
        parts["codes"], weight, (outputs, inputs), parts, "compressed", how, sizes, reasons, quantised=True
    )


def _bits_said(settings: Settings) -> list[int]:
    """The bits that the config's groups name; any, where it names none."""
    groups = settings.get("config_groups")
    entries = (
        [group.get("weights") for group in groups.values() if isinstance(group, dict)]
        if isinstance(groups, dict)
        else []
    )
    widths = [weights.get("num_bits") for weights in entries if isinstance(weights, dict)]
    return [bits for bits in widths if bits in BITS] or list(BITS)


def _compressed_values(made: Effective, read: Parts) -> Array:
    """Signed codes are stored with 2^(bits - 1) added; zero points likewise, packed along the outputs."""
    (outputs, inputs), bits = made.shape, made.numbers["bits"]
    q = codes(read("codes"), bits, inputs).astype(np.float32)
    group = _groups_of_inputs(made, read)
    zeros: Array = np.array(2 ** (bits - 1), np.float32)
    if "zeros" in made.parts:
        zeros = codes(read("zeros").T, bits, outputs).T.astype(np.float32)[:, group]
    scales = read("scales").astype(np.float32).reshape(outputs, -1)[:, group]
    return (q - zeros) * scales


def _scales(made: Effective, read: Parts) -> Array:
    return read("scales")


FORMULAS = {
    "gptq": Formula(_gptq_values, _scales),
    "awq": Formula(_awq_values, _scales),
    "mlx": Formula(_mlx_values, _scales),
    "compressed": Formula(_compressed_values, _scales),
}
