"""What the entries of a base and its tuned weight add up to along each line, a row or a column, in one pass over both.

Kinds of change are told by these: by the cosine of each line with the base's in its place, by what a factor of each
line leaves of the update, by the sums of squares that stay when lines change places.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Bool, Float, Float64

AT_ONCE = 1 << 16  # entries: in float64 they and what is made of them stay in a core's cache
Blocks = Iterator[tuple[Float64[Tensor, "b n"], Float64[Tensor, "b n"]]]


@dataclass(frozen=True)
class Sums:
    """Of each line w of the base and the update d of it. Lines, and what is made of all of them."""

    squares: Float64[Tensor, " l"]  # Σ w²
    inner: Float64[Tensor, " l"]  # Σ w d
    update: Float64[Tensor, " l"]  # Σ d²
    tuned: Float64[Tensor, " l"]  # Σ (w + d)²

    @property
    def products(self) -> Float64[Tensor, " l"]:
        """Σ w (w + d)."""
        return self.squares + self.inner

    @property
    def cosines(self) -> Float64[Tensor, " l"]:
        """Of each line with the base's, -1 to 1; 0 where one of them is zero."""
        lengths = self.squares.sqrt() * self.tuned.sqrt()
        return self.products / lengths.clamp(min=torch.finfo(lengths.dtype).tiny)

    @property
    def residual(self) -> float:
        """The least ‖W' - F W‖ / ‖W' - W‖ of a factor for each line, 0 to 1. 0: they are the whole update."""
        explained = self.inner.square() / self.squares.clamp(min=torch.finfo(self.squares.dtype).tiny)
        return math.sqrt(max(0.0, float((self.update - explained).sum())) / float(self.update.sum()))

    @property
    def cosine(self) -> float | None:
        """⟨W, W'⟩ / (‖W‖ ‖W'‖), -1 to 1. None where one of the two is zero."""
        return _cosine(self.products, self.squares, self.tuned)

    @property
    def update_cosine(self) -> float | None:
        """⟨W, W' - W⟩ / (‖W‖ ‖W' - W‖), -1 to 1. None where one of the two is zero."""
        return _cosine(self.inner, self.squares, self.update)


def add_lines(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"]) -> tuple[Sums, Sums]:
    """The sums of each row, and of each column."""
    of_rows, of_columns = [], torch.zeros(4, before.shape[1], dtype=torch.float64, device=before.device)
    for base, tuned in blocks(before, after):
        update = tuned - base
        terms = (base.square(), base * update, update.square(), tuned.square())
        of_rows.append(torch.stack([term.sum(1) for term in terms]))
        of_columns += torch.stack([term.sum(0) for term in terms])
    return Sums(*torch.cat(of_rows, dim=1)), Sums(*of_columns)


def is_everywhere(
    before: Float[Tensor, "m n"],
    after: Float[Tensor, "m n"],
    holds: Callable[[Float64[Tensor, "b n"], Float64[Tensor, "b n"]], Bool[Tensor, "b n"]],
) -> bool:
    """Whether it holds of all entries: no more are looked at than up to the first rows where it does not."""
    return all(bool(holds(base, tuned).all()) for base, tuned in blocks(before, after))


def blocks(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"]) -> Blocks:
    """Some rows of both at a time, in float64."""
    height = max(1, AT_ONCE // max(1, before.shape[1]))
    for base, tuned in zip(torch.split(before, height), torch.split(after, height), strict=True):
        yield base.double(), tuned.double()


def _cosine(products: Tensor, squares: Tensor, others: Tensor) -> float | None:
    norms = math.sqrt(float(squares.sum())) * math.sqrt(float(others.sum()))
    return max(-1.0, min(1.0, float(products.sum()) / norms)) if norms > 0.0 else None
