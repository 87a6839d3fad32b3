"""The outermost eigenvalues of a symmetric matrix, and their vectors, without the others."""

from analysis.linalg.kernels import eigenvalues, eigenvectors, suit_threads
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64

Matrix = Float64[Tensor, "k k"]


def basis(matrix: Matrix, steps: int) -> Float64[Tensor, "j k"]:
    """Orthonormal rows that span the powers of the matrix on a fixed random vector: at most `steps`, or all there are.

    Every vector is made orthogonal to all before it twice, which is enough (Parlett, The Symmetric Eigenvalue Problem,
    section 6.9).
    """
    rows = matrix.new_zeros(min(steps, len(matrix)), len(matrix))
    start = torch.randn(len(matrix), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(matrix.device)
    rows[0] = start / start.norm()
    tolerance = 1e-12 * float(matrix.diagonal().abs().max())
    with suit_threads(len(matrix)):
        for j in range(1, len(rows)):
            vector = matrix @ rows[j - 1]
            for _ in range(2):
                vector -= (rows[:j] @ vector) @ rows[:j]
            length = float(vector.norm())
            if length <= tolerance:  # an invariant subspace
                return rows[:j]
            rows[j] = vector / length
    return rows


def ritz_values(matrix: Matrix, steps: int) -> Float64[Tensor, " j"]:
    """Ascending values, of which the largest and the smallest are eigenvalues; repeated ones are found once."""
    rows = basis(matrix, steps)
    return eigenvalues(rows @ matrix @ rows.T)


def leading(
    matrix: Matrix, count: int, steps: int, tolerance: float
) -> tuple[Float64[Tensor, " c"], Float64[Tensor, "k c"]]:
    """The largest eigenvalues, descending, and their vectors: by Lanczos where that comes within tolerance · λ₁."""
    if steps < len(matrix):
        rows = basis(matrix, steps)
        values, inner = _largest(rows @ matrix @ rows.T, count)
        vectors = rows.T @ inner
        residuals = (matrix @ vectors - vectors * values).norm(dim=0)
        if len(values) == count and float(residuals.max()) <= tolerance * float(values[0]):
            return values, vectors
    return _largest(matrix, count)


def _largest(matrix: Matrix, count: int) -> tuple[Float64[Tensor, " c"], Float64[Tensor, "k c"]]:
    values, vectors = eigenvectors(matrix)
    return values.flip(0)[:count], vectors.flip(1)[:, :count]
