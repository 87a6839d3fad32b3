"""Made-up matrices and updates of them, by NumPy alone: the service, which writes them, has no PyTorch loaded."""

import math

import numpy as np
from numpy.typing import NDArray

RANK, ALPHA = 8, 16
# The full update's noise as a share of σ₁, and its step along LoRA's as a multiple of the noise.
DENSE, FOLLOWED = 0.02, 2.0
GRID = 2.0**-16  # values are rounded to it: the last bits of a decomposition differ between machines, files must not

Matrix = NDArray[np.float64]
Stored = NDArray[np.float32]
Tensors = dict[str, Stored]


def heavy_tailed(rows: int, columns: int, alpha: float, random: np.random.Generator) -> Matrix:
    """A matrix whose eigenvalues λ = σ² are the quantiles of a power law with density λ^-alpha, jittered."""
    side = min(rows, columns)
    place = (np.arange(side) + random.random(side)) / side
    values = np.maximum(place, 0.5 / side) ** (-0.5 / (alpha - 1))
    spectrum = values / math.sqrt(rows)
    return np.asarray((basis(rows, side, random) * spectrum) @ basis(columns, side, random).T)


def basis(size: int, count: int, random: np.random.Generator) -> Matrix:
    """Orthonormal columns in no particular direction, (size, count)."""
    return np.asarray(np.linalg.qr(random.standard_normal((size, count))).Q)


def largest(weight: Matrix | Stored) -> float:
    """σ₁, by the Gram matrix of the smaller side."""
    matrix = weight.astype(np.float64)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return math.sqrt(np.linalg.eigvalsh(gram)[-1])


def lora(weight: Stored, share: float, random: np.random.Generator) -> tuple[Stored, Stored]:
    """Factors A (r, in) and B (out, r) of an update in new directions; its σ₁ is that share of the weight's."""
    sizes = share * largest(weight) * 0.5 ** np.arange(RANK)
    left, right = basis(weight.shape[0], RANK, random), basis(weight.shape[1], RANK, random)
    root = np.sqrt(sizes * RANK / ALPHA)
    return round_values((right * root).T), round_values(left * root)


def dense(weight: Stored, factors: tuple[Stored, Stored], random: np.random.Generator) -> Stored:
    """The weight after an update that moves every direction a little, and goes part of the way that LoRA's goes."""
    A, B = (factor.astype(np.float64) for factor in factors)
    length = np.linalg.norm(np.linalg.qr(B).R @ np.linalg.qr(A.T).R.T, 2)  # σ₁ of B A, of r × r numbers
    noise = random.standard_normal(weight.shape)
    noise /= math.sqrt(weight.shape[0]) + math.sqrt(weight.shape[1])  # its largest singular value: about 1
    size = DENSE * largest(weight)
    return round_values(weight + size * (noise + FOLLOWED * (B @ A) / length))


def round_values(matrix: Matrix) -> Stored:
    return np.ascontiguousarray(np.round(matrix / GRID) * GRID, np.float32)


def adapter_config(base: str, parts: set[str]) -> dict[str, object]:
    """What PEFT would have written beside an adapter's factors."""
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": base,
        "r": RANK,
        "lora_alpha": ALPHA,
        "target_modules": sorted(parts),
        "bias": "none",
        "fan_in_fan_out": False,
        "init_lora_weights": True,
    }
