"""Quantised layers as each tool writes them: names, types and shapes out of its source, and the values by its formula.

Every layer is (8 outputs, 64 inputs) and called "q". The formulas are written anew here, entry by entry where that is
clear, and share no code with the package.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

OUT, IN = 8, 64
E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """The tensors of a layer, and what it computes with; None where its codes stay packed."""

    tensors: Mapping[str, Tensor]
    values: Numbers | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


def draw(*shape: int, most: int = 16) -> NDArray[np.int64]:
    return np.random.default_rng(sum(shape)).integers(0, most, shape)


def real(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(sum(shape))) + 0.5


def halves(codes: NDArray[np.int64]) -> Tensor:
    """Two codes in a byte, the lower half first."""
    return torch.from_numpy((codes[..., ::2] | codes[..., 1::2] << 4).astype(np.uint8))


def words(codes: NDArray[np.int64]) -> Tensor:
    """Eight codes in 32 bits, the lowest first."""
    places = 4 * np.arange(8)
    return torch.from_numpy((codes.reshape(*codes.shape[:-1], -1, 8) << places).sum(-1).astype(np.uint32))


def fp4(codes: NDArray[np.int64]) -> Numbers:
    return np.array([(-1 if code > 7 else 1) * E2M1[code % 8] for code in codes.flat]).reshape(codes.shape)


def grouped(scales: Any, size: int) -> Numbers:
    return np.repeat(np.asarray(scales, np.float64), size, -1)


def float_of(tensor: Tensor) -> Numbers:
    return tensor.float().double().numpy()


def modelopt_nvfp4() -> Layer:
    """modelopt/torch/quantization/qtensor/nvfp4_tensor.py: values · weight_scale · weight_scale_2."""
    codes, scale, whole = draw(OUT, IN), real(OUT, 4).to(torch.float8_e4m3fn), torch.tensor(0.02)
    tensors = {"q.weight": halves(codes), "q.weight_scale": scale, "q.weight_scale_2": whole,
               "q.input_scale": torch.tensor(0.1)}  # fmt: skip
    return Layer(tensors, fp4(codes) * grouped(float_of(scale), 16) * float(whole))


def modelopt_fp8() -> Layer:
    weight = torch.randn(OUT, IN).to(torch.float8_e4m3fn)
    tensors = {"q.weight": weight, "q.weight_scale": torch.tensor(0.02), "q.input_scale": torch.tensor(0.1)}
    return Layer(tensors, float_of(weight) * float(torch.tensor(0.02)))


def tensorrt_llm() -> Layer:
    weight, scale = torch.randn(OUT, IN).to(torch.float8_e4m3fn), torch.tensor([0.02])
    tensors = {
        "q.weight": weight,
        "q.weights_scaling_factor": scale,
        "q.activation_scaling_factor": torch.tensor([0.1]),
    }
    return Layer(tensors, float_of(weight) * float(scale))


def compressed_mxfp4() -> Layer:
    """compressed-tensors, mxfp4-pack-quantized: 2^(weight_scale − 127)."""
    codes, scale = draw(OUT, IN), torch.from_numpy(draw(OUT, 2).astype(np.uint8) + 119)
    tensors = {"q.weight_packed": halves(codes), "q.weight_scale": scale}
    return Layer(tensors, fp4(codes) * grouped(2.0 ** (float_of(scale) - 127), 32))


def compressed_sparse() -> Layer:
    """compressed-tensors, sparse-24-bitmask: packbits of the mask, little-endian."""
    dense = np.zeros((OUT, IN))
    for row in dense.reshape(-1, 4):
        row[np.random.default_rng(0).permutation(4)[:2]] = 1
    mask = dense > 0
    values = real(OUT, IN // 2)
    dense[mask] = float_of(values).reshape(-1)
    tensors = {"q.compressed": values, "q.shape": torch.tensor([OUT, IN]),
               "q.bitmask": torch.from_numpy(np.packbits(mask, axis=-1, bitorder="little"))}  # fmt: skip
    return Layer(tensors, dense)


def mlx(mode: str) -> Layer:
    """mlx/backend/metal/kernels/fp_quantized.h: bytes of E8M0 or E4M3 for each group."""
    bits, size = (8 if mode == "mxfp8" else 4), (16 if mode == "nvfp4" else 32)
    codes = draw(OUT, IN, most=120 if bits == 8 else 16)
    octets = torch.from_numpy(draw(OUT, IN // size).astype(np.uint8) + 40 + 80 * (mode != "nvfp4"))
    scale = float_of(octets.view(torch.float8_e4m3fn)) if mode == "nvfp4" else 2.0 ** (float_of(octets) - 127)
    packed = words(codes) if bits == 4 else torch.from_numpy(codes.astype(np.uint8)).view(torch.uint32)
    entries = fp4(codes) if bits == 4 else float_of(torch.from_numpy(codes.astype(np.uint8)).view(torch.float8_e4m3fn))
    config = {"quantization": {"mode": mode, "bits": bits, "group_size": size}}
    return Layer({"q.weight": packed, "q.scales": octets}, entries * grouped(scale, size), config)


def gpt_oss() -> Layer:
    """gpt_oss/torch/weights.py: mlp1_weight.blocks and .scales, (experts, out, groups, 16)."""
    codes, scale = draw(2, OUT, IN), torch.from_numpy(draw(2, OUT, 2).astype(np.uint8) + 119)
    tensors = {"q.weight.blocks": halves(codes).reshape(2, OUT, 2, 16), "q.weight.scales": scale}
    return Layer(tensors, fp4(codes) * grouped(2.0 ** (float_of(scale) - 127), 32))


def torchao_float8() -> Layer:
    weight, scale = torch.randn(OUT, IN).to(torch.float8_e4m3fn), real(OUT, 1)
    tensors = {"q._weight_qdata": weight, "q._weight_scale": scale}
    return Layer(tensors, float_of(weight) * float_of(scale))


def text(value: str) -> Tensor:
    """How HQQ keeps text: a byte for each character."""
    return torch.tensor([ord(letter) for letter in value], dtype=torch.uint8)


def hqq(bits: int, axis: int) -> Layer:
    """hqq/core/quantize.py and bitpack.py: groups of 32 along an axis of a table, rows of it packed highest first."""
    slots, kind = {8: (1, "8bit_u8"), 4: (2, "4bit_u8"), 3: (10, "3bit_32"), 2: (4, "2bit_u8"), 1: (8, "1bit_u8")}[bits]
    table = draw(*((OUT * IN // 32, 32) if axis == 1 else (32, OUT * IN // 32)), most=2**bits)
    padded = np.concatenate([table, np.zeros((-len(table) % slots, table.shape[1]), np.int64)])
    packed = np.zeros((len(padded) // slots, table.shape[1]), np.int64)
    for place, rows in enumerate(np.split(padded, slots)):
        packed |= rows << (bits * (slots - 1 - place))
    words = packed.astype(np.uint32).view(np.int32) if bits == 3 else packed.astype(np.uint8)
    sides = (len(table), 1) if axis == 1 else (1, table.shape[1])
    scale, zero = real(*sides), 4 * real(*sides)
    tensors = {
        "q.W_q": torch.from_numpy(words), "q.scale": scale, "q.zero": zero, "q.shape": torch.tensor([OUT, IN]),
        "q.nbits": torch.tensor(bits, dtype=torch.int32), "q.axis": torch.tensor(axis, dtype=torch.int32),
        "q.packing": text(kind), "q.view_as_float": torch.tensor(0, dtype=torch.uint8),
        "q.group_size": torch.tensor(32, dtype=torch.int32),
    }  # fmt: skip
    return Layer(tensors, ((table - float_of(zero)) * float_of(scale)).reshape(OUT, IN))


def quanto(bits: int, whole: bool = False) -> Layer:
    """optimum/quanto/tensor/qbits.py and packed.py: rows without groups, packed lowest first."""
    table, slots = draw(OUT, IN, most=2**bits), 8 // bits
    packed = np.zeros((OUT // slots, IN), np.int64)
    for place, rows in enumerate(np.split(table, slots)):
        packed |= rows << (bits * place)
    scale, shift = real(OUT, 1), (torch.ones(OUT, 1).to(torch.int8) if whole else real(OUT, 1))
    values = float_of(scale) * (table - float_of(shift)) if whole else float_of(scale) * table - float_of(shift)
    tensors = {"q.weight._data._data": torch.from_numpy(packed.astype(np.uint8)), "q.weight._scale": scale,
               "q.weight._shift": shift, "q.input_scale": torch.ones(()), "q.output_scale": torch.ones(())}  # fmt: skip
    return Layer(tensors, values)


def quanto_int8() -> Layer:
    codes, scale = draw(OUT, IN, most=256) - 128, real(OUT, 1)
    tensors = {"q.weight._data": torch.from_numpy(codes.astype(np.int8)), "q.weight._scale": scale,
               "q.input_scale": torch.ones(()), "q.output_scale": torch.ones(())}  # fmt: skip
    return Layer(tensors, codes * float_of(scale))


def torchao_int8(dotted: bool) -> Layer:
    """IntxUnpackedToInt8Tensor and Int8Tensor of torchao: (q - zero_point) · scale, (out, groups)."""
    stem = "q.weight." if dotted else "q._weight_"
    codes, scale = draw(OUT, IN, most=256) - 128, real(OUT, 2)
    zero = torch.from_numpy(draw(OUT, 2).astype(np.int8))
    tensors = {
        f"{stem}qdata": torch.from_numpy(codes.astype(np.int8)),
        f"{stem}scale": scale,
        f"{stem}zero_point": zero,
    }
    return Layer(tensors, (codes - grouped(zero, 32)) * grouped(scale, 32))


def torchao_int4() -> Layer:
    """int4_row_quantize_zp and pack_int4 of FBGEMM, in torchao's Int4Tensor: q · scale + zero, (groups, out)."""
    codes, scale, zero = draw(OUT, IN) - 8, real(2, OUT), real(2, OUT)
    tensors = {"q._weight_qdata": halves(codes & 15).view(torch.int8), "q._weight_scale": scale,
               "q._weight_zero_point": zero}  # fmt: skip
    return Layer(tensors, codes * grouped(scale.T, 32) + grouped(zero.T, 32))


def modelopt_int4() -> Layer:
    """modelopt/torch/export/quant_utils.py, pack_int4_in_uint8: two outputs in a byte, the even one lower."""
    codes, scale, inputs = draw(OUT, IN) - 8, real(OUT, 4), real(IN)
    packed = torch.from_numpy(((codes[::2] & 15) | (codes[1::2] & 15) << 4).astype(np.uint8))
    tensors = {"q.weight": packed, "q.weight_scale": scale, "q.pre_quant_scale": inputs}
    return Layer(tensors, codes * grouped(scale, 16) * float_of(inputs))


def integers(kind: Any, *shape: int) -> Tensor:
    return torch.from_numpy(draw(*shape)).to(kind)


VALUES: Mapping[str, Callable[[], Layer]] = {
    "ModelOpt NVFP4": modelopt_nvfp4,
    "ModelOpt fp8": modelopt_fp8,
    "TensorRT-LLM fp8": tensorrt_llm,
    "compressed-tensors MXFP4": compressed_mxfp4,
    "compressed-tensors 2:4": compressed_sparse,
    "MLX mxfp4": lambda: mlx("mxfp4"),
    "MLX nvfp4": lambda: mlx("nvfp4"),
    "MLX mxfp8": lambda: mlx("mxfp8"),
    "gpt-oss, its own": gpt_oss,
    "torchao Float8Tensor": torchao_float8,
    "torchao int8": lambda: torchao_int8(dotted=False),
    "torchao int8, pickled": lambda: torchao_int8(dotted=True),
    "torchao Int4Tensor": torchao_int4,
    "ModelOpt int4": modelopt_int4,
    "HQQ, 8 bits": lambda: hqq(8, 1),
    "HQQ, 4 bits": lambda: hqq(4, 1),
    "HQQ, 4 bits, columns": lambda: hqq(4, 0),
    "HQQ, 3 bits": lambda: hqq(3, 1),
    "HQQ, 3 bits, columns": lambda: hqq(3, 0),
    "HQQ, 2 bits": lambda: hqq(2, 1),
    "HQQ, 1 bit": lambda: hqq(1, 1),
    "quanto, 8 bits": quanto_int8,
    "quanto, 4 bits": lambda: quanto(4),
    "quanto, 2 bits": lambda: quanto(2),
    "quanto, 4 bits, whole": lambda: quanto(4, whole=True),
}
# what stays packed: none of these tensors may be analysed, and each reason names the tool
LISTED: Mapping[str, Mapping[str, Tensor]] = {
    "HQQ": {"q.W_q": integers(torch.uint8, 32, 8), "q.scale": real(64, 1), "q.zero": real(64, 1),
            "q.shape": torch.tensor([OUT, IN]), "q.nbits": torch.tensor(4), "q.axis": torch.tensor(1)},
    "quanto": {"q.weight._data._data": integers(torch.uint8, 8, 32), "q.weight._scale": real(8, 1, 1),
               "q.weight._shift": real(8, 4), "q.input_scale": torch.ones(()), "q.output_scale": torch.ones(())},
    "AQLM": {"q.codes": integers(torch.int8, 8, 8, 1), "q.codebooks": real(1, 256, 1, 8), "q.scales": real(8, 1, 1, 1)},
    "Marlin": {"q.B": integers(torch.int32, 4, 16), "q.s": real(4, 8), "q.workspace": integers(torch.int32, 16)},
    "QuIP#": {"q.Qidxs": integers(torch.int64, 8, 8), "q.SU": real(64), "q.SV": real(8), "q.Wscale": real(1)},
    "VPTQ": {"q.indices": integers(torch.int32, 1, 8, 4), "q.centroids.weight": real(1, 2048),
             "q.res_centroids.weight": real(16, 128), "q.weight_scale": real(64), "q.weight_bias": real(64)},
    "EXL2": {"q.q_weight": integers(torch.int32, 8, 8), "q.q_scale": integers(torch.int32, 4, 1),
             "q.q_scale_max": real(4), "q.q_groups": integers(torch.int16, 8),
             "q.q_invperm": integers(torch.int32, 64)},
    "EXL3": {"q.trellis": integers(torch.int16, 4, 4, 64), "q.suh": real(64), "q.svh": real(8)},
    "HIGGS": {"q.weight": integers(torch.int16, 8, 16), "q.scales": real(8, 4), "q.tables": real(16, 2),
              "q.tables2": real(16, 16, 2), "q.workspace": integers(torch.uint8, 16)},
    "torchao": {"q._weight_qdata": integers(torch.int32, 1, 4, 32, 4), "q._weight_scale_and_zero": real(2, 8, 2)},
    "sparse bitmask": {"q.compressed": real(100), "q.bitmask": integers(torch.uint8, 8, 8),
                       "q.row_offsets": integers(torch.int64, 8, 1), "q.shape": torch.tensor([OUT, IN])},
    "ModelOpt": {"q.weight": integers(torch.uint8, 8, 32), "q.weight_scale": real(8, 4),  # int4 AWQ
                 "q.weight_scale_2": torch.ones(())},
    "bitsandbytes": {"q.weight": integers(torch.int8, 8, 64), "q.SCB": real(7),
                     "q.weight_format": integers(torch.uint8, 1)},
}  # fmt: skip
