"""The Gram matrix of W₀ + L R where that of W₀ is known by its eigenvectors: diagonal plus rank 2r.

With G₀ = V Λ Vᵀ the smaller Gram matrix, of W₀ᵀW₀ say, and L R of rank r,
(W₀ + L R)ᵀ(W₀ + L R) = V (Λ + Z J Zᵀ) Vᵀ, Z = Vᵀ[Rᵀ, W₀ᵀL] and J = [[LᵀL, 1], [1, 0]]. So a product costs O(k r),
not O(k²), and how many eigenvalues lie above a bound is known exactly from a 2r × 2r matrix. Only V, orthonormal to
rounding, is used: vectors of the other side, W₀ v / σ, are not where σ is weak.
"""

from dataclasses import dataclass

from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64

CLEAR = 1e-9  # of the largest eigenvalue: one that is smaller has no certain sign


@dataclass(frozen=True)
class LowRank:
    """G = Λ + Z J Zᵀ, symmetric and of side k."""

    diagonal: Float64[Tensor, " k"]  # Λ
    axes: Float64[Tensor, "k s"]  # Z
    weights: Float64[Tensor, "s s"]  # J, of which half of the eigenvalues are positive and half are negative

    def apply(self, rows: Float64[Tensor, "b k"]) -> Float64[Tensor, "b k"]:
        """G x of each row x."""
        return rows * self.diagonal + (rows @ self.axes) @ self.weights @ self.axes.mT

    def above(self, bound: float) -> int | None:
        """How many eigenvalues are above the bound; None where rounding could decide.

        G - μ and -J⁻¹ - Zᵀ(Λ - μ)⁻¹Z are the Schur complements in [[Λ - μ, Z], [Zᵀ, -J⁻¹]], and inertia adds up over
        them (Haynsworth, Linear Algebra and its Applications 1, 1968, 73-81): positive eigenvalues of G - μ and of -J⁻¹
        are together as many as those of Λ - μ and of the other complement. J⁻¹ has rank / 2 of either sign.
        """
        inverse = 1.0 / (self.diagonal - bound)
        if not torch.isfinite(inverse).all():
            return None
        rank = self.axes.shape[1] // 2
        eye, zero = torch.eye(rank, dtype=self.axes.dtype, device=self.axes.device), self.weights[:rank, :rank] * 0.0
        inner = torch.cat([torch.cat([zero, eye], 1), torch.cat([eye, -self.weights[:rank, :rank]], 1)])  # J⁻¹
        eigenvalues = torch.linalg.eigvalsh(-inner - self.axes.mT @ (self.axes * inverse[:, None]))
        if rank and float(eigenvalues.abs().min()) <= CLEAR * float(eigenvalues.abs().max()):
            return None
        return int((self.diagonal > bound).sum()) + int((eigenvalues > 0.0).sum()) - rank


def low_rank(
    squares: Float64[Tensor, " k"],
    right: Float64[Tensor, "k r"],
    images: Float64[Tensor, "k r"],
    left: Float64[Tensor, "l r"],
) -> LowRank:
    """Of Λ, VᵀRᵀ, VᵀW₀ᵀL and L, each with a column for each rank. Rank 0 is fine."""
    eye = torch.eye(left.shape[1], dtype=left.dtype, device=left.device)
    inner = torch.cat([torch.cat([left.mT @ left, eye], 1), torch.cat([eye, torch.zeros_like(eye)], 1)])
    return LowRank(squares, torch.cat([right, images], dim=1), inner)
