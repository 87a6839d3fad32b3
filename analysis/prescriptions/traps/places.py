"""Where a trap lies: which entry of a weight makes an eigenvalue that no noise has.

WeightWatcher 0.8 calls this `analyze_traps`. A trap is an eigenvalue of the shuffled weight above the edge of noise.
Its vectors point at one entry of the shuffled matrix, and the permutation leads back to the entry of the weight. The
papers behind it are about small networks (arXiv 2602.02859).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.linalg.triplets import triplets
from analysis.runtime.pytorch import torch
from analysis.runtime.shapes import Float64, Int64
from analysis.statistics.marchenko_pastur import Law, noise

Matrix = Float64[np.ndarray, "m n"]

FAR = 6.0  # standard deviations beyond which an entry is no part of the bulk: one in 5e8 of a Gaussian
ROUNDS = 100  # of leaving out; each takes entries away, so it ends
RISKY, DIFFUSE = 0.5, 0.55  # WeightWatcher's bounds


@dataclass(frozen=True, slots=True)
class Trap:
    """One eigenvalue above noise, with the entry of the weight that its vectors point at."""

    eigenvalue: float  # μ, the square of a singular value of the shuffled weight
    delta: float  # δ = (μ - λ₊)/λ₊, from 0; high: far above noise
    ipr: float  # Σ w⁴ of its right vector, 1/n (all inputs alike) to 1 (one input)
    q_uniform: float  # the same from 0 to 1, 0 where all inputs are alike
    q: float  # the same, 0 for a random vector (Porter-Thomas), 1 for one input
    overlap: float  # o, 0 to 1: how much of it lies in the weight's own leading right vectors
    row: int  # output of the entry, from 0
    column: int  # input of the entry
    value: float  # the entry

    @property
    def risk(self) -> float:
        """δ q, at most 1: high for a trap far above noise that sits in few entries."""
        return min(1.0, self.delta * self.q)

    @property
    def label(self) -> str:
        """WeightWatcher's word: benign_diffuse, localized_risky or, where neither holds, unclear."""
        if 1.0 - self.q >= DIFFUSE:
            return "benign_diffuse"
        return "localized_risky" if self.risk >= RISKY else "unclear"


@dataclass(frozen=True, slots=True)
class Located:
    """The traps of one weight, the strongest first."""

    edge: float  # λ₊ = v (√m + √n)², v the variance of the bulk's entries
    cut: float  # what noise of that variance passes once in a thousand: a trap is above it
    traps: tuple[Trap, ...]

    @property
    def burden(self) -> float:
        """Σ δ² q o², from 0: high where strong traps sit in the weight's own leading directions."""
        return math.fsum(trap.delta**2 * trap.q * trap.overlap**2 for trap in self.traps)


def bulk_of(matrix: Matrix) -> Float64[np.ndarray, " p"]:
    """The entries without those more than 6 standard deviations from the mean of the rest."""
    entries = matrix.ravel()
    for _ in range(ROUNDS):
        is_near = np.abs(entries - entries.mean()) <= FAR * entries.std()
        if is_near.all():
            break
        entries = entries[is_near]
    return entries


def bulk_law(matrix: Matrix) -> Law:
    """The law of noise with the variance of the bulk's entries."""
    return noise(matrix.shape[0], matrix.shape[1], float(bulk_of(matrix).var()))


def participation(vector: Float64[np.ndarray, " n"]) -> tuple[float, float, float]:
    """Σ w⁴ of a unit vector, and it from 0 to 1: against all entries alike, and against a random vector.

    (n Σw⁴ - 1)/(n - 1) and (Σw⁴ - 3/(n + 2))/(1 - 3/(n + 2)), each at least 0; 1 for a vector of one entry.
    """
    n, ipr = len(vector), float(np.sum(vector**4))
    if n == 1:
        return ipr, 1.0, 1.0
    random = 3.0 / (n + 2.0)
    uniform, porter_thomas = (n * ipr - 1.0) / (n - 1.0), (ipr - random) / (1.0 - random)
    return ipr, min(1.0, max(0.0, uniform)), min(1.0, max(0.0, porter_thomas))


def locate_traps(matrix: Matrix, order: Int64[np.ndarray, " mn"], leading: int = 1) -> Located:
    """The traps of a weight shuffled by `order`: entry i of the flat shuffled matrix is entry order[i] of the weight.

    `leading` is how many of the weight's own right vectors the overlap looks at. None where all entries are alike.
    Raises NotFinite where the matrix holds NaN or infinity.
    """
    noise_parts = triplets(torch.from_numpy(matrix.ravel()[order].reshape(matrix.shape)))
    law = bulk_law(matrix)
    eigenvalues = noise_parts.values.square().numpy()
    count = int((eigenvalues > law.cut).sum()) if np.ptp(matrix) > 0.0 else 0
    if not count:
        return Located(law.edges[1], law.cut, ())
    own = triplets(torch.from_numpy(matrix)).right[:, :leading].numpy()
    vectors = zip(noise_parts.left.mT[:count].numpy(), noise_parts.right.mT[:count].numpy(), strict=True)
    traps = [
        _trap(matrix, order, float(value), law.edges[1], left, right, own)
        for value, (left, right) in zip(eigenvalues[:count], vectors, strict=True)
    ]
    return Located(law.edges[1], law.cut, tuple(traps))


def _trap(
    matrix: Matrix,
    order: Int64[np.ndarray, " mn"],
    eigenvalue: float,
    edge: float,
    left: Float64[np.ndarray, " m"],
    right: Float64[np.ndarray, " n"],
    own: Float64[np.ndarray, "n l"],
) -> Trap:
    place = int(np.abs(left).argmax()) * len(right) + int(np.abs(right).argmax())
    row, column = divmod(int(order[place]), len(right))
    ipr, uniform, porter_thomas = participation(right)
    delta = max(eigenvalue / edge - 1.0, 0.0) if edge > 0.0 else math.inf
    overlap = min(1.0, float(np.square(own.T @ right).sum()))
    return Trap(eigenvalue, delta, ipr, uniform, porter_thomas, overlap, row, column, float(matrix[row, column]))


@dataclass(frozen=True, slots=True)
class Outlier:
    """An entry far above the others, found without a shuffle."""

    row: int
    column: int
    value: float
    sigmas: float  # |w - mean| over the standard deviation of the bulk


def largest_entries(matrix: Matrix, count: int = 5) -> tuple[Outlier, ...]:
    """The entries farthest from the mean of the bulk, in its standard deviations, the farthest first.

    A Gaussian's largest is near √(2 ln mn). None where all entries of the bulk are alike.
    """
    bulk = bulk_of(matrix)
    mean, spread = float(bulk.mean()), float(bulk.std())
    if spread == 0.0:
        return ()
    distances = np.abs(matrix - mean).ravel()
    places = np.argpartition(-distances, min(count, distances.size) - 1)[:count]
    top_places = sorted(places.tolist(), key=lambda place: (-distances[place], place))
    rows = ((*divmod(place, matrix.shape[1]), place) for place in top_places)
    return tuple(Outlier(r, c, float(matrix[r, c]), float(distances[p] / spread)) for r, c, p in rows)


@dataclass(frozen=True, slots=True)
class Line:
    """What holds most of a weight's far entries: "row", "column", "entry" where there is one, else "scattered"."""

    kind: str
    index: int | None  # of the row or column
    far: int  # how many entries lie beyond 6 standard deviations of the bulk
    inside: int  # of them, how many lie in that row or column


def carrying_line(matrix: Matrix) -> Line | None:
    """The row or column with at least half of the entries that are no part of the bulk; None where there are none."""
    bulk = bulk_of(matrix)
    rows, columns = np.nonzero(np.abs(matrix - bulk.mean()) > FAR * bulk.std())
    if not len(rows):
        return None
    if len(rows) == 1:
        return Line("entry", None, 1, 1)
    (row, in_row), (column, in_column) = _mode(rows), _mode(columns)
    kind, index, count = ("row", row, in_row) if in_row >= in_column else ("column", column, in_column)
    if count < 2 or 2 * count < len(rows):
        return Line("scattered", None, len(rows), count)
    return Line(kind, index, len(rows), count)


def _mode(places: Int64[np.ndarray, " p"]) -> tuple[int, int]:
    """The most frequent of them, and how often it is there."""
    values, counts = np.unique(places, return_counts=True)
    return int(values[counts.argmax()]), int(counts.max())


def strongest(traps: Sequence[Trap]) -> Trap | None:
    """The trap with the largest eigenvalue; None of none."""
    return max(traps, key=lambda trap: trap.eigenvalue, default=None)
