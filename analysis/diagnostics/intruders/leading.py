"""The leading singular triplets of a tuned weight, from all of its base's: without the others, and with a proof.

They are eigenvectors of WᵀW or W Wᵀ, found in a Krylov space that begins near those of the base. Residuals bound how
far each is from a true one, where its neighbours are at a distance; but no residual says that a larger singular value
was not missed. So the next one is bounded too: of a stored matrix by a Cholesky factorisation, which exists only where
μ - (WᵀW less what was found) is positive; of a base plus an adapter's factors by inertia
(analysis.linalg.low_rank). Where the proof fails, the whole is decomposed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from analysis.linalg.kernels import mirror, suit_threads
from analysis.linalg.krylov import Ritz, krylov
from analysis.linalg.low_rank import low_rank
from analysis.linalg.spectrum import gram_error, scaled_gram
from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import Triplets, finite
from analysis.weight import Weight

WHOLE = 512  # smaller side up to which the whole is decomposed as fast (docs/benchmarks.md)
SPARE = 8  # directions beyond those asked for, among which the widest gap is where the proof is made
BLOCK = 4  # vectors at a time: of 4, 8, 16 and 32 the fastest; more equal singular values than that fail the proof
ROOM = 1024  # dimensions of the Krylov space, and at most half of the matrix: farther, the whole is as fast
ELSE = 0.01  # of the first block outside what it is mixed from, lest something be invisible to it
PLACES = (0.5, 0.35, 0.65)  # within that gap, where the bound on all others may lie
GOAL = 1e-5  # bound on each vector's error, on both sides: cosines then agree to better than 1e-4
SAFETY = 4.0  # on the bound of rounding: the base's own triplets err by a little, too
LOW = 4  # the smaller side over the rank of an update, from which on its factors are used


@dataclass(frozen=True)
class Leading:
    """The first triplets of a matrix, with a bound on the error of each vector: ‖û - u‖ and ‖v̂ - v‖, at most √2."""

    triplets: Triplets
    left_errors: Float64[Tensor, " k"]
    right_errors: Float64[Tensor, " k"]
    method: str  # "leading"; "full" where the whole was decomposed; "same" where the fine-tuned weight is the base

    @property
    def turned(self) -> "Leading":
        """Those of the transpose."""
        return Leading(self.triplets.turned, self.right_errors, self.left_errors, self.method)


@dataclass(frozen=True)
class Operator:
    """WᵀW or W Wᵀ, of side k, of a W of n rows or columns, and a way to prove how many of its eigenvalues are large."""

    apply: Callable[[Float64[Tensor, "b k"]], Float64[Tensor, "b k"]]
    sides: tuple[int, int]  # n, k
    squared_norm: float  # ‖W‖², the sum of its eigenvalues, or more
    proves: Callable[[Ritz, float], bool]  # that all its eigenvalues above a bound are among those found


def leading(tuned: Weight, count: int) -> Leading:
    """At most `count`, fewer where the others are rounding. Raises TensorError, naming the weight."""
    base = tuned.base
    assert base is not None, "only a tuned weight has a base to begin from"
    if bool((tuned.slices == base.slices).all()):
        return same(base.triplets, count)
    with tuned.name_errors():
        finite(tuned.matrix)
    side = min(tuned.matrix.shape)
    if side <= WHOLE or tuned.is_decomposed:
        return full(tuned.triplets, count)
    with suit_threads(side):
        if tuned.factors is not None and LOW * tuned.factors.left.shape[1] <= side:
            result = by_factors(base.triplets, tuned.update, count)
        else:
            result = by_gram(base.triplets, tuned, count)
    return result or full(tuned.triplets, count)


def same(found: Triplets, count: int) -> Leading:
    """The base's own, without error: wherever its vectors are arbitrary, these are the same."""
    first = found.first(min(count, extent(found)))
    none = torch.zeros_like(first.values)
    return Leading(first, none, none, "same")


def full(found: Triplets, count: int) -> Leading:
    """The first of all triplets."""
    size = min(count, extent(found))
    errors = rounding(found)[:size]
    return Leading(found.first(size), errors, errors, "full")


def rounding(found: Triplets) -> Float64[Tensor, " p"]:
    """What float64 may do to each singular vector: the error of WᵀW over the distance to the next σ², at most √2.

    The error is that of the Gram route (gram_error), which an SVD does not reach.
    """
    squares = found.values.square()
    if not len(squares) or float(squares[0]) == 0.0:
        return torch.zeros_like(squares)
    error = gram_error(*_sides(found), float(squares.sum() / squares[0])) * squares[0]
    return bound_distances(error / gaps(squares))


def gaps(squares: Float64[Tensor, " k"], edge: float = 0.0) -> Float64[Tensor, " k"]:
    """From each of descending values to its nearest neighbour, and to an edge below all of them."""
    steps = squares[:-1] - squares[1:]
    end = squares.new_full((1,), math.inf)
    return torch.minimum(torch.minimum(torch.cat([end, steps]), torch.cat([steps, end])), squares - edge)


def bound_distances(sines: Float64[Tensor, " k"]) -> Float64[Tensor, " k"]:
    """‖û - u‖ from the sine of their angle: at most √2 of it, and of no more than a right angle."""
    return math.sqrt(2.0) * torch.where(sines >= 0.0, sines, 1.0).nan_to_num(1.0).clamp(max=1.0)


def _sides(found: Triplets) -> tuple[int, int]:
    small, large = sorted((len(found.left), len(found.right)))
    return large, small


def by_gram(base: Triplets, tuned: Weight, count: int) -> Leading | None:
    """Of a stored matrix, by the Gram matrix of its smaller side; None where the proof fails."""
    matrix = tuned.matrix
    wide = matrix.shape[0] < matrix.shape[1]
    tall, start = (matrix.mT, base.left) if wide else (matrix, base.right)
    lower, exponent = scaled_gram(tall)
    gram = mirror(lower)

    def proves(found: Ritz, bound: float) -> bool:
        rest = torch.addmm(gram, found.vectors.mT, found.vectors * found.values[:, None], alpha=-1.0).neg_()
        rest.diagonal().add_(bound)
        return int(torch.linalg.cholesky_ex(rest).info) == 0

    operator = Operator(lambda rows: rows @ gram, (len(tall), len(gram)), float(gram.trace()), proves)
    found = certify(operator, start[:, : count + SPARE].mT, count, len(gram) // 2)
    if found is None:
        return None
    ritz, errors = found
    values, short = ritz.values.sqrt(), ritz.vectors.mT
    long = (tall.double() * math.ldexp(1.0, -exponent)) @ short / values
    one = Leading(
        Triplets(long, values * math.ldexp(1.0, exponent), short), bound_other_side(errors, values), errors, "leading"
    )
    return one.turned if wide else one


def by_factors(base: Triplets, update: Triplets, count: int) -> Leading | None:
    """Of a base plus an update of low rank, by products in the base's coordinates; None where the proof fails."""
    matrix = low_rank(base, update.first(extent(update)))
    norm = float(torch.linalg.vector_norm(base.values) + torch.linalg.vector_norm(update.values))
    operator = Operator(
        apply=lambda rows: matrix.apply(matrix.apply_transposed(rows)),
        sides=(max(len(matrix.p), len(matrix.q)), len(matrix.p)),
        squared_norm=norm**2,
        proves=lambda found, bound: matrix.above(math.sqrt(bound)) == len(found.values),
    )
    axes = torch.eye(count + SPARE, len(matrix.p), dtype=torch.float64, device=matrix.p.device)
    found = certify(operator, torch.cat([axes, matrix.p.mT]), count, len(matrix.p))
    if found is None:
        return None
    ritz, errors = found
    values = ritz.values.sqrt()
    left, right = (
        matrix.left @ ritz.vectors.mT,
        matrix.right @ (matrix.apply_transposed(ritz.vectors) / values[:, None]).mT,
    )
    return Leading(Triplets(left, values, right), errors, bound_other_side(errors, values), "leading")


def bound_other_side(errors: Float64[Tensor, " k"], values: Float64[Tensor, " k"]) -> Float64[Tensor, " k"]:
    """The errors on the other side, W v / σ: at most σ₁ / σ times as large."""
    return (errors * values[0] / values).nan_to_num(math.inf).clamp(max=math.sqrt(2.0))


def certify(
    operator: Operator, start: Float64[Tensor, "s k"], count: int, most: int
) -> tuple[Ritz, Float64[Tensor, " c"]] | None:
    """The `count` largest eigenvalues with a bound on the error of each vector; None where that cannot be proved."""

    def is_done(found: Ritz) -> bool:
        place, (low, high) = _cut(found, count)
        is_still = found.residuals[place] <= 0.25 * (high - low)  # then the next one hardly moves any more
        return (
            bool(is_still)
            and _worst_bound(errors(found.first(place), (low + high) / 2.0, operator), found, count) <= GOAL
        )

    found = krylov(operator.apply, _mix(start), count + SPARE, is_done, min(ROOM, most))
    if found is None:
        return None
    place, (low, high) = _cut(found, count)
    for share in PLACES:
        edge = low + share * (high - low)
        bounds = errors(found.first(place), edge, operator)
        if _worst_bound(bounds, found, count) <= 2.0 * GOAL and operator.proves(found.first(place), edge):
            return found.first(count), bounds[:count]
    return None


def _worst_bound(bounds: Float64[Tensor, " c"], found: Ritz, count: int) -> float:
    """Of the first `count`, on either side of W."""
    return float(bound_other_side(bounds[:count], found.values[:count].clamp(min=0.0).sqrt()).max())


def errors(found: Ritz, edge: float, operator: Operator) -> Float64[Tensor, " c"]:
    """Bounds on ‖û - u‖, given that all other eigenvalues are below the edge.

    The found ones are within ρ = ‖residuals‖ of true ones (Parlett, theorem 11.5.1), so each but its own is at least a
    gap less ρ away from it, and the sine of the angle is at most residual / distance (Davis and Kahan, SIAM J. Numer.
    Anal. 7, 1970). Rounding of the operator counts as a residual.
    """
    largest = float(found.values[0])
    if largest <= 0.0:
        return torch.full_like(found.values, math.sqrt(2.0))
    noise = SAFETY * gram_error(*operator.sides, operator.squared_norm / largest) * largest
    radius = float(torch.linalg.vector_norm(found.residuals)) + noise
    if float(found.values[-1]) - edge <= radius:  # then they need not be the largest
        return torch.full_like(found.values, math.sqrt(2.0))
    return bound_distances((found.residuals + noise) / (gaps(found.values, edge) - radius))


def _cut(found: Ritz, count: int) -> tuple[int, tuple[float, float]]:
    """How many to keep, `count` or a few more: up to the widest gap; and the values on either side of it."""
    steps = found.values[count - 1 : -1] - found.values[count:]
    place = count + int(steps.argmax())
    return place, (float(found.values[place]), float(found.values[place - 1]))


def _mix(start: Float64[Tensor, "s k"]) -> Float64[Tensor, "b k"]:
    """A block of random mixtures of the start's rows, and a little of everything else."""
    generator = torch.Generator().manual_seed(0)
    mixture = torch.randn(BLOCK, len(start), generator=generator, dtype=torch.float64).to(start.device)
    noise = torch.randn(BLOCK, start.shape[1], generator=generator, dtype=torch.float64).to(start.device)
    rows = mixture @ torch.nn.functional.normalize(start, dim=1)
    return rows + ELSE * math.sqrt(len(start) / start.shape[1]) * noise
