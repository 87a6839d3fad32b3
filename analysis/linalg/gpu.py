"""What `analysis.linalg.spectrum` asks of a GPU: whole batches of matrices of one shape, in float64, by PyTorch.

On the CPU the same is done by NumPy and SciPy (`analysis.linalg.kernels`), one matrix after the other.
"""

from collections.abc import Iterator

import numpy as np

from analysis.linalg.kernels import add_inner_products, solve_converging
from analysis.linalg.kernels import eigenvalues as solve
from analysis.runtime.arrays import Numbers
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64, Shaped

Scales = Float64[np.ndarray, " s"]  # 2^-exponent of each matrix


def is_on_gpu(numbers: Shaped[Numbers, "..."]) -> bool:
    """Whether the numbers are a tensor on a GPU."""
    return not isinstance(numbers, np.ndarray) and numbers.is_cuda


def ends(block: Float[Tensor, "s b k"]) -> tuple[float, float]:
    """The smallest and the largest entry; NaN where one is."""
    low, high = torch.aminmax(block)
    return float(low), float(high)


def count_not_finite(block: Float[Tensor, "s b k"]) -> int:
    return int((~torch.isfinite(block)).sum())


def eigenvalues(
    blocks: Iterator[Float[Tensor, "s b k"]], scales: Scales, columns: int
) -> tuple[Float64[np.ndarray, "s k"], list[float]]:
    """Ascending eigenvalues of WᵀW of each matrix, of which the blocks hold some rows, and its trace."""
    gram = inner_products(blocks, scales, columns)
    squared_norms: list[float] = gram.diagonal(dim1=1, dim2=2).sum(dim=1).tolist()
    values: Float64[np.ndarray, "s k"] = solve(gram).clamp_(min=0.0).cpu().numpy()
    return values, squared_norms


def inner_products(blocks: Iterator[Float[Tensor, "s b k"]], scales: Scales, columns: int) -> Float64[Tensor, "s k k"]:
    """The lower triangle of WᵀW of each, scaled; the blocks hold some rows of all."""
    gram: Float64[Tensor, "s k k"] | None = None
    for block in blocks:
        if gram is None:
            gram = torch.zeros(len(scales), columns, columns, dtype=torch.float64, device=block.device)
        add_inner_products(gram, _double(block, scales))
    assert gram is not None, "a matrix has rows"
    return gram


def singular_values(blocks: Iterator[Float[Tensor, "1 b k"]], scale: float, columns: int) -> Float64[np.ndarray, " k"]:
    """Ascending singular values of one tall matrix: those of the triangle of its QR, found block by block."""
    factor: Float64[Tensor, "p k"] | None = None
    for block in blocks:
        rows = _double(block, np.array([scale]))[0]
        factor = rows if factor is None else torch.cat([factor, rows])
        if len(factor) > columns:
            factor = solve_converging(lambda stacked: torch.linalg.qr(stacked, mode="r").R, factor)
    assert factor is not None, "a matrix has rows"
    values: Float64[np.ndarray, " k"] = solve_converging(torch.linalg.svdvals, factor).flip(0).cpu().numpy()
    return values


def _double(block: Float[Tensor, "s b k"], scales: Scales) -> Float64[Tensor, "s b k"]:
    """A scaled copy in float64."""
    factors = torch.from_numpy(scales.copy()).to(block.device)[:, None, None]
    return block.to(torch.float64, copy=True).mul_(factors)
