"""Round-to-nearest errors of a matrix at common formats: e = ‖W - Ŵ‖ / ‖W‖, 0 for a zero matrix.

m rows of outputs, n columns of inputs, float32. A Gaussian matrix has about 0.0087 at int8, 0.117 at int4 in groups of
128, and 0.0265 at fp8 (512 × 4096); far above these it has outliers.
"""

from collections.abc import Callable

from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float

Matrix = Float[Tensor, "m n"]
# the 16 levels of NF4: quantiles of the normal law (Dettmers et al., QLoRA, arXiv 2305.14314, appendix E)
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
BLOCK = 64  # entries of an NF4 block
FP8_LARGEST = 448.0  # of float8_e4m3fn


def int8(matrix: Matrix) -> Matrix:
    """Symmetric, a scale for each output: s = max|w| / 127, half to even."""
    scale = _unless_zero(matrix.abs().amax(dim=1, keepdim=True) / 127.0)
    return (matrix / scale).round().clamp(-127, 127) * scale


def int4(matrix: Matrix, group: int) -> Matrix:
    """Symmetric, groups of `group` inputs, the last of which may be short: s = max|w| / 7, clamped to -8 … 7."""
    return _by_group(matrix, group, lambda part, largest: (part / (s := largest / 7.0)).round().clamp(-8, 7) * s)


def nf4(matrix: Matrix) -> Matrix:
    """Blocks of 64 entries in C order, each scaled by its largest."""
    levels = torch.tensor(NF4, dtype=matrix.dtype, device=matrix.device)
    edges = (levels[1:] + levels[:-1]) / 2.0
    rows = matrix.reshape(1, -1)
    return _by_group(rows, BLOCK, lambda part, s: levels[torch.bucketize(part / s, edges)] * s).reshape(matrix.shape)


def fp8(matrix: Matrix) -> Matrix:
    """float8_e4m3fn with one scale for all: s = max|w| / 448."""
    scale = float(matrix.abs().max()) / FP8_LARGEST or 1.0
    return (matrix / scale).to(torch.float8_e4m3fn).to(matrix.dtype) * scale


def relative_error(matrix: Matrix, rounded: Matrix) -> float:
    """‖W - Ŵ‖ / ‖W‖; the SQNR is -20 log₁₀ of it."""
    norm = float(matrix.double().norm())
    return float((matrix - rounded).double().norm()) / norm if norm > 0.0 else 0.0


def _by_group(matrix: Matrix, group: int, rounded: Callable[[Tensor, Tensor], Tensor]) -> Matrix:
    rows, columns = matrix.shape
    missing = -columns % group
    parts = torch.nn.functional.pad(matrix, (0, missing)).reshape(rows, -1, group)
    largest = _unless_zero(parts.abs().amax(dim=2, keepdim=True))
    return rounded(parts, largest).reshape(rows, -1)[:, :columns]


def _unless_zero(scale: Tensor) -> Tensor:
    """1 where a row or a group is all zeros, so that it stays so."""
    return torch.where(scale > 0.0, scale, torch.ones_like(scale))
