"""The weight that an adapter of kohya, LyCORIS, diffusers or MLX makes of its base: W = W₀ + ΔW.

LoRA s · B · A (with a core between them for Tucker's form), LoHa s · (A₁B₁) ∘ (A₂B₂), LoKr s · W₁ ⊗ W₂, whole
differences, and DoRA's lengths over any of them. s = alpha / rank, 1 where the file has no alpha. The formulas are of
LyCORIS (lycoris/modules), sd-scripts (networks/lora.py) and mlx-lm (tuner/lora.py).
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from analysis.adapters import lora
from analysis.adapters.config import AdapterConfig
from analysis.adapters.names import AdaptedModule
from analysis.errors import AdapterError, escape
from analysis.runtime.pytorch import Tensor, torch
from analysis.weight import Factors, TensorInfo

Parts = Mapping[str, Tensor]
PLAIN = ("lora_A", "lora_B", "lora_magnitude_vector")
UNREAD = ("oft_blocks", "oft_diag", "on_input", "rescale", "glora")


def merge(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, base: Tensor, parts: Parts
) -> tuple[Tensor, Factors | None]:
    """The tuned weight as the base stores it, and the factors of the update where it has a low rank.

    Raises AdapterError, naming the module, where the parts do not fit each other or the base.
    """
    if unread := [what for what in UNREAD if what in parts]:
        raise AdapterError(f"{escape(module.module)}: {unread[0]} is not computed here")
    if "mlx_a" in parts or "mlx_b" in parts:
        return _mlx(config, module, info, base, parts)
    if "lora_A" in parts and "lora_mid" not in parts and "dora_scale" not in parts:
        return _lora(config, module, info, base, parts, _alpha(config, module, parts))
    update = _update(config, module, parts)
    if update.numel() != base.numel():
        raise AdapterError(
            f"{escape(module.module)}: the adapter's update is {' × '.join(map(str, update.shape))}, and "
            f"{escape(info.name)} of the base is {' × '.join(map(str, base.shape))}. It was trained on another base."
        )
    tuned = base + update.reshape(base.shape)
    if "dora_scale" in parts:
        tuned = _with_lengths(module, tuned, parts["dora_scale"])
    return tuned, None


def _lora(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, base: Tensor, parts: Parts, alpha: float | None
) -> tuple[Tensor, Factors | None]:
    """Plain LoRA, by the one formula there is of it."""
    rank = len(parts["lora_A"]) if "lora_A" in parts else 1
    plain = replace(config, settings={"r": rank, "lora_alpha": rank if alpha is None else alpha})
    return lora.merge(plain, module, info, base, {what: tensor for what, tensor in parts.items() if what in PLAIN})


def _mlx(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, base: Tensor, parts: Parts
) -> tuple[Tensor, Factors | None]:
    """The config has s itself. DoRA's lengths are called m."""
    peft_parts = _from_mlx(module, info, parts)
    tuned, factors = _lora(config, module, info, base, peft_parts, config.number("scale") * len(peft_parts["lora_A"]))
    return (_with_lengths(module, tuned, parts["mlx_m"]), None) if "mlx_m" in parts else (tuned, factors)


def _from_mlx(module: AdaptedModule, info: TensorInfo, parts: Parts) -> Parts:
    """MLX stores A as (in, r) and B as (r, out), and an embedding's as (rows, r) and (r, width)."""
    a, b = parts.get("mlx_a"), parts.get("mlx_b")
    if a is None or b is None or a.ndim != 2 or b.ndim != 2:
        raise AdapterError(f"{escape(module.module)}: lora_a and lora_b are not both there as matrices")
    if info.role == "embedding" and info.shape == (a.shape[0], b.shape[1]):
        return {"lora_A": b, "lora_B": a}
    return {"lora_A": a.mT, "lora_B": b.mT}


def _alpha(config: AdapterConfig, module: AdaptedModule, parts: Parts) -> float | None:
    """Alpha as the file says it, by a tensor of its own or for all modules; None where it does not."""
    if "alpha" in parts:
        if parts["alpha"].numel() != 1:
            raise AdapterError(f"{escape(module.module)}: its alpha is not a single number")
        return float(parts["alpha"])
    alpha = config.of_module("lora_alpha", "alpha_pattern", module.module)
    return (
        float(alpha)
        if isinstance(alpha, int | float) and not isinstance(alpha, bool) and math.isfinite(alpha)
        else None
    )


def _update(config: AdapterConfig, module: AdaptedModule, parts: Parts) -> Tensor:
    """ΔW, shaped as the base or with its kernel positions side by side."""
    alpha = _alpha(config, module, parts)
    try:
        if "diff" in parts:
            return parts["diff"]
        if "lora_A" in parts:
            return _tucker_lora(parts) * _scale(alpha, len(parts["lora_A"]))
        if "hada_w1_a" in parts:
            return _loha(parts) * _scale(alpha, len(parts["hada_w1_b"]))
        if "lokr_w1" in parts or "lokr_w1_a" in parts:
            return _lokr(parts, alpha)
    except (KeyError, RuntimeError) as error:
        raise AdapterError(f"{escape(module.module)}: its factors do not fit each other: {escape(error)}") from None
    raise AdapterError(f"{escape(module.module)}: {escape(', '.join(parts))} make no update that is known here")


def _scale(alpha: float | None, rank: int) -> float:
    return 1.0 if alpha is None else alpha / rank


def _tucker_lora(parts: Parts) -> Tensor:
    A, B = parts["lora_A"], parts["lora_B"]
    if "lora_mid" not in parts:
        return B.flatten(1) @ A.flatten(1)
    return torch.einsum("rs...,or,si->oi...", parts["lora_mid"], B.flatten(1), A.flatten(1))


def _loha(parts: Parts) -> Tensor:
    halves = [_loha_half(parts, half) for half in "12"]
    return halves[0] * halves[1]


def _loha_half(parts: Parts, half: str) -> Tensor:
    a, b = parts[f"hada_w{half}_a"], parts[f"hada_w{half}_b"]
    if (core := parts.get(f"hada_t{half}")) is None:
        return a @ b
    return torch.einsum("rs...,si,ro->oi...", core, b, a)


def _lokr(parts: Parts, alpha: float | None) -> Tensor:
    """W₁ ⊗ W₂. The rank is that of the factor that is a product; where none is, nothing is scaled."""
    rank = None
    w1, w2 = parts.get("lokr_w1"), parts.get("lokr_w2")
    if w1 is None:
        rank = len(parts["lokr_w1_b"])
        w1 = parts["lokr_w1_a"] @ parts["lokr_w1_b"]
    if w2 is None:
        a, b, core = parts["lokr_w2_a"], parts["lokr_w2_b"], parts.get("lokr_t2")
        rank = len(b)
        w2 = a @ b.flatten(1) if core is None else torch.einsum("rs...,si,ro->oi...", core, b, a)
    while w1.ndim < w2.ndim:
        w1 = w1.unsqueeze(-1)
    return torch.kron(w1, w2.contiguous()) * (1.0 if rank is None else _scale(alpha, rank))


def _with_lengths(module: AdaptedModule, tuned: Tensor, lengths: Tensor) -> Tensor:
    """DoRA: each output has the length trained for it, or each input where the lengths are as many as the inputs."""
    rows, columns = tuned.shape[0], tuned.shape[1]
    by_output = lengths.shape[0] == rows and lengths.numel() == rows
    if not by_output and lengths.numel() != columns:
        raise AdapterError(f"{escape(module.module)}: {lengths.numel()} lengths of DoRA for {rows} × {columns}")
    axis = 0 if by_output else 1
    norms = tuned.transpose(0, axis).flatten(1).norm(dim=1)
    shape = [1] * tuned.ndim
    shape[axis] = -1
    weight: Tensor = tuned * (lengths.flatten() / norms).reshape(shape)
    return weight
