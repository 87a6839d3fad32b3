"""How much the lines of a weight resemble each other: the cosines of each two of them.

One product gives those of the entries as they are, and those about their mean μ, since (a - μ)·(b - μ) is
a·b - μ(Σa + Σb) + nμ². Where that would cost digits, the mean being large, a second product is formed.
"""

import math
from collections.abc import Iterator

import numpy as np

from analysis.cached import once
from analysis.linalg.kernels import add_inner_products
from analysis.linalg.spectrum import BLOCK, LINES, Products
from analysis.runtime.arrays import Numbers, as_array, double
from analysis.runtime.shapes import Float, Float64

SHRUNK = 0.5  # of the square of a line, that is left about the mean: below, the digits are worth a second product


class Resemblance:
    """Of up to 256 lines of n entries, evenly spread.

    Their products may be `known` already, and the sums of all lines, over `unit`.
    """

    def __init__(
        self,
        lines: Float[Numbers, "m n"],
        sums: Float64[np.ndarray, " m"] | None = None,
        unit: float = 1.0,
        known: Products | None = None,
    ) -> None:
        array = as_array(lines)
        step = max(1, len(array) // LINES)
        self.lines, self.length = array[::step][:LINES], array.shape[1]
        self._exponent = self._largest() if known is None else known.exponent
        self._known_products = None if known is None else known.lower
        self._known_sums = None if sums is None else sums[::step][:LINES] * math.ldexp(unit, -self._exponent)

    def cosine(self) -> float | None:
        """Root mean square cosine of two lines, times √n: 1 in noise. None with less than two that are not zero."""
        if len(self.lines) < 2:
            return None
        count, squares = _squares(self._products)
        return math.sqrt(2.0 * squares / (count * (count - 1)) * self.length) if count > 1 else None

    def likeness(self) -> float:
        """By how many standard errors the cosines are larger, or smaller, than those of independent entries.

        Of two independent lines of n entries, n cos² has mean 1 and variance 2 (n - 1) / (n + 2), and those of all
        pairs of m lines are uncorrelated (Muirhead 1982, theorem 1.5.7), so that their mean is known to √(2 / pairs).
        About the mean of all entries of these lines.
        """
        if len(self.lines) < 2 or self.length < 2:
            return 0.0
        count, squares = _squares(self._products_about_mean())
        if count < 2:
            return 0.0
        pairs = count * (count - 1) / 2.0
        mean = squares / pairs * self.length
        return float(abs(mean - 1.0)) / math.sqrt(2.0 * (self.length - 1) / (self.length + 2) / pairs)

    @once
    def _products(self) -> Float64[np.ndarray, "k k"]:
        """Of each two lines, below the diagonal and on it."""
        return self._product(0.0) if self._known_products is None else self._known_products

    @once
    def _sums(self) -> Float64[np.ndarray, " k"]:
        if self._known_sums is not None:
            return self._known_sums
        found: Float64[np.ndarray, " k"] = np.sum([part.sum(axis=1) for part in self._parts()], axis=0)
        return found

    def _products_about_mean(self) -> Float64[np.ndarray, "k k"]:
        """The products about the mean."""
        mean = math.fsum(self._sums) / self.lines.size
        squares = self._products.diagonal()
        left = squares - 2.0 * mean * self._sums + self.length * mean * mean
        if (left < SHRUNK * squares).any():
            return self._product(mean)
        shift = mean * (self._sums - 0.5 * self.length * mean)
        found: Float64[np.ndarray, "k k"] = self._products - shift[:, None] - shift
        return found

    def _product(self, mean: float) -> Float64[np.ndarray, "k k"]:
        lower = np.zeros((1, len(self.lines), len(self.lines)))
        for part in self._parts():
            add_inner_products(lower, (part - mean if mean else part).T[None])
        products: Float64[np.ndarray, "k k"] = lower[0]
        return products

    def _parts(self) -> Iterator[Float64[np.ndarray, "k p"]]:
        """Some entries of each line at a time, over a power of two: in float64 all would be a further copy."""
        width, scale = max(1, BLOCK // len(self.lines)), math.ldexp(1.0, -self._exponent)
        for start in range(0, self.length, width):
            yield double(self.lines[:, start : start + width]) * scale

    def _largest(self) -> int:
        """The power of two above the largest entry."""
        return math.frexp(max(float(self.lines.max()), -float(self.lines.min())))[1]


def _squares(lower: Float64[np.ndarray, "k k"]) -> tuple[int, float]:
    """How many lines are not zero, and the sum of the squared cosines of each two of them."""
    sizes = np.sqrt(np.maximum(lower.diagonal(), 0.0))
    shares = np.divide(1.0, sizes, out=np.zeros_like(sizes), where=sizes > 0.0)
    cosines = np.tril(lower, -1)
    cosines *= shares[:, None]
    cosines *= shares
    return int(np.count_nonzero(sizes)), float(np.square(cosines, out=cosines).sum())
