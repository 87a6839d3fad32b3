"""A matrix of known decomposition plus one of low rank: W = W₀ + ΔW with W₀ = U₀ S V₀ᵀ and ΔW = L Rᵀ.

In the base's own coordinates it is C = S + P Qᵀ, diagonal plus rank r, with P = U₀ᵀL and Q = V₀ᵀR. So a product costs
O(n r) and not O(n²), and how many singular values lie above a bound is known exactly from a 2r × 2r matrix.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from analysis.linalg.triplets import Triplets

NOTHING = 1e-13  # of the update: what reaches no farther outside the base's vectors is rounding
CLEAR = 1e-9  # of the largest eigenvalue: one that is smaller has no certain sign


@dataclass(frozen=True)
class LowRank:
    """C = S + P Qᵀ, where S is zero outside its diagonal. `left` and `right` hold the coordinates' axes as columns.

    Where W₀ has fewer than m left vectors, ΔW may reach outside them: r more axes hold that part, and so on the right.
    """

    diagonal: Float64[Tensor, " p"]  # descending
    p: Float64[Tensor, "i r"]
    q: Float64[Tensor, "j r"]
    left: Float64[Tensor, "m i"]
    right: Float64[Tensor, "n j"]

    def apply(self, rows: Float64[Tensor, "b j"]) -> Float64[Tensor, "b i"]:
        """C x of each row x."""
        return self._multiply(rows, len(self.p)) + (rows @ self.q) @ self.p.mT

    def apply_transposed(self, rows: Float64[Tensor, "b i"]) -> Float64[Tensor, "b j"]:
        """Cᵀ x of each row x."""
        return self._multiply(rows, len(self.q)) + (rows @ self.p) @ self.q.mT

    def _multiply(self, rows: Float64[Tensor, "b i"], width: int) -> Float64[Tensor, "b j"]:
        count = len(self.diagonal)
        return torch.nn.functional.pad(rows[:, :count] * self.diagonal, (0, width - count))

    def above(self, bound: float) -> int | None:
        """How many singular values are above the bound; None where rounding could decide.

        They are the eigenvalues above it of [[0, C], [Cᵀ, 0]], a matrix of 2 × 2 blocks plus Z J Zᵀ of rank 2r, and
        inertia adds up over Schur complements (Haynsworth, Linear Algebra and its Applications 1, 1968, 73-81).
        """
        count, rank = len(self.diagonal), self.p.shape[1]
        weights = 1.0 / (bound**2 - self.diagonal.square())
        if not torch.isfinite(weights).all():
            return None
        p, q = self.p[:count], self.q[:count]
        corner = p.mT @ (p * (bound * weights)[:, None]) + self.p[count:].mT @ self.p[count:] / bound
        other = q.mT @ (q * (bound * weights)[:, None]) + self.q[count:].mT @ self.q[count:] / bound
        cross = p.mT @ (q * (self.diagonal * weights)[:, None]) - torch.eye(rank, dtype=p.dtype, device=p.device)
        eigenvalues = torch.linalg.eigvalsh(torch.cat([torch.cat([corner, cross], 1), torch.cat([cross.mT, other], 1)]))
        if rank and float(eigenvalues.abs().min()) <= CLEAR * float(eigenvalues.abs().max()):
            return None
        return int((self.diagonal > bound).sum()) + int((eigenvalues > 0.0).sum()) - rank


def low_rank(base: Triplets, update: Triplets) -> LowRank:
    """The base and the update, in the base's coordinates. Rank 0 is fine."""
    roots = update.values.sqrt()
    p, left = _coordinates(base.left, update.left * roots)
    q, right = _coordinates(base.right, update.right * roots)
    return LowRank(base.values, p, q, left, right)


def _coordinates(
    axes: Float64[Tensor, "m p"], vectors: Float64[Tensor, "m r"]
) -> tuple[Float64[Tensor, "i r"], Float64[Tensor, "m i"]]:
    """The vectors' coordinates along the axes and along the few more that they need, and all these axes."""
    inner = axes.mT @ vectors
    if axes.shape[0] == axes.shape[1]:
        return inner, axes
    rest = vectors - axes @ inner
    new_axes, lengths, _ = torch.linalg.svd(rest, full_matrices=False)
    new_axes = new_axes[:, lengths > NOTHING * torch.linalg.matrix_norm(vectors)][:, : axes.shape[0] - axes.shape[1]]
    new_axes, _ = torch.linalg.qr(new_axes - axes @ (axes.mT @ new_axes))
    return torch.cat([inner, new_axes.mT @ rest]), torch.cat([axes, new_axes], dim=1)
