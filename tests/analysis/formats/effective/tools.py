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
    "torchao": {"q._weight_qdata": integers(torch.int8, 8, 64), "q._weight_scale": real(2, 8),
                "q._weight_zero_point": real(2, 8)},
    "sparse bitmask": {"q.compressed": real(100), "q.bitmask": integers(torch.uint8, 8, 8),
                       "q.row_offsets": integers(torch.int64, 8, 1), "q.shape": torch.tensor([OUT, IN])},
    "ModelOpt": {"q.weight": integers(torch.uint8, 8, 32), "q.weight_scale": real(8, 4),  # int4 AWQ
                 "q.weight_scale_2": torch.ones(())},
    "bitsandbytes": {"q.weight": integers(torch.int8, 8, 64), "q.SCB": real(7),
                     "q.weight_format": integers(torch.uint8, 1)},
}  # fmt: skip
