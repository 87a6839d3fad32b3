"""The largest eigenvalues of a symmetric operator, and their vectors, from its products with blocks of vectors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float64

Rows = Float64[Tensor, "b n"]
GROWTH = 1.15  # of the space between two looks at what it holds
NOTHING = 1e-12  # of the operator: what is left of a vector at this length is rounding


@dataclass(frozen=True)
class Ritz:
    """The best approximations that a space holds: values descending, vectors as rows, and ‖A v - θ v‖ of each."""

    values: Float64[Tensor, " c"]
    vectors: Float64[Tensor, "c n"]
    residuals: Float64[Tensor, " c"]

    def first(self, count: int) -> "Ritz":
        return Ritz(self.values[:count], self.vectors[:count], self.residuals[:count])


@dataclass(frozen=True)
class Space:
    """An orthonormal basis as rows, what the operator makes of each."""

    basis: Float64[Tensor, "j n"]
    images: Float64[Tensor, "j n"]
    inner: Float64[Tensor, "j j"]  # products of images and basis, of which the lower triangle is good


def krylov(
    apply: Callable[[Rows], Rows], start: Rows, count: int, done: Callable[[Ritz], bool], most: int
) -> Ritz | None:
    """The `count` largest once they are `done`, in a space of at most `most` dimensions; None where they never are."""
    for space in spaces(apply, start, 2 * count, most):
        estimate = ritz(space, count)
        if len(estimate.values) == count and done(estimate):
            return estimate
    return None


def spaces(apply: Callable[[Rows], Rows], start: Rows, least: int, most: int) -> Iterator[Space]:
    """Growing Krylov spaces, from `least` dimensions to about `most`, or to where nothing is to be added.

    Block Lanczos, each block made orthogonal to all before it (Parlett, The Symmetric Eigenvalue Problem, chapter 13).
    """
    basis = start.new_empty(most + len(start), start.shape[1])
    images, inner = torch.empty_like(basis), start.new_zeros(len(basis), len(basis))
    size, look, block = 0, least, _orthonormal(start, 0.0)
    while len(block) and size < most:
        end = size + len(block)
        basis[size:end] = block
        images[size:end] = apply(block)
        inner[size:end, :end] = images[size:end] @ basis[:end].mT
        new, size = images[size:end], end
        block = _complement_basis(basis[:size], new)
        if size >= look or not len(block):
            look = int(GROWTH * size)
            yield Space(basis[:size], images[:size], inner[:size, :size])


def ritz(space: Space, count: int) -> Ritz:
    """Rayleigh-Ritz: the best that the space holds."""
    values, mixture = torch.linalg.eigh(space.inner)
    values, mixture = values.flip(0)[:count], mixture.flip(1)[:, :count].mT
    vectors = mixture @ space.basis
    return Ritz(values, vectors, (mixture @ space.images - values[:, None] * vectors).norm(dim=1))


def _complement_basis(space: Float64[Tensor, "j n"], rows: Rows) -> Float64[Tensor, "c n"]:
    """An orthonormal basis of what the rows add to the space; twice is enough (Parlett, section 6.9)."""
    tolerance = NOTHING * float(rows.norm(dim=1).max())
    rows = _orthonormal(rows - (rows @ space.mT) @ space, tolerance)
    return _orthonormal(rows - (rows @ space.mT) @ space, 0.5)


def _orthonormal(rows: Rows, nothing: float) -> Float64[Tensor, "c n"]:
    """Rows that span the same, without those of which no more than `nothing` is new."""
    basis, triangle = torch.linalg.qr(rows.mT)
    span: Float64[Tensor, "c n"] = basis.mT[triangle.diagonal().abs() > nothing]
    return span
