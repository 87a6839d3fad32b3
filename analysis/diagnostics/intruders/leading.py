"""The leading singular triplets of a tuned weight, from all of its base's: without the others, and with a proof.

They are eigenvectors of WᵀW or W Wᵀ. Of a matrix at hand that is made tridiagonal, and its largest eigenvalues are
counted (analysis.linalg.reduction). Of a large base plus an adapter's factors, and on a GPU, they are found in a
Krylov space that begins near those of the base. Residuals bound how far each is from a true one, where its neighbours
are at a distance; but no residual says that a larger singular value was not missed. So the next one is bounded too: of
a base plus factors by inertia (analysis.linalg.low_rank), of a matrix by a Cholesky factorisation, which exists only
where μ - (WᵀW less what was found) is positive. Where the proof fails, the whole is decomposed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from analysis.linalg.kernels import mirror, suit_threads
from analysis.linalg.krylov import Ritz, krylov
from analysis.linalg.low_rank import low_rank
from analysis.linalg.reduction import Reduction, largest
from analysis.linalg.spectrum import gram_error, scaled_gram
from analysis.linalg.subspaces import extent
from analysis.linalg.triplets import Triplets, finite
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64
from analysis.weight import Weight

WHOLE = 128  # smaller side up to which the whole is decomposed as fast (docs/benchmarks.md)
FACTORS = 1024  # smaller side from which on factors are used: below, the matrix is made tridiagonal as fast
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
    if is_same(tuned, base):
        return same(base, count)
    with tuned.name_errors():
        finite(tuned.matrix)
    side = min(tuned.matrix.shape)
    if side <= WHOLE or tuned.is_decomposed or count >= side:
        return full(tuned.triplets, count)
    with suit_threads(side):
        if tuned.factors is not None and side >= FACTORS and LOW * tuned.factors.left.shape[1] <= side:
            result = by_factors(base, tuned.update, count)
        elif tuned.matrix.is_cuda:
            result = by_gram(base.triplets, tuned, count)
        else:
            result = by_reduction(exact_matrix(tuned), count)
    return result or full(tuned.triplets, count)


def is_same(tuned: Weight, base: Weight) -> bool:
    """Whether every value of the fine-tuned weight is the base's."""
    return bool((tuned.slices == base.slices).all())


def exact_matrix(tuned: Weight) -> Float[Tensor, "m n"]:
    """The stored matrix; of an adapter W₀ + BA in float64, and not its sum as it was rounded."""
    if tuned.factors is None or tuned.base is None:
        return tuned.matrix
    return tuned.base.matrix.double() + tuned.factors.left.double() @ tuned.factors.right.double()


def same(base: Weight, count: int) -> Leading:
    """The base's own, without error: wherever its vectors are arbitrary, these are the same."""
    first = base.axes.leading(min(count, extent(base.axes)))
    none = torch.zeros_like(first.values)
    return Leading(first, none, none, "same")


def full(found: Triplets, count: int) -> Leading:
    """The first of all triplets."""
    size = min(count, extent(found))
    errors = rounding(found)[:size]
    return Leading(found.first(size), errors, errors, "full")


def errors_of(axes: Triplets | Reduction, left: bool) -> Float64[Tensor, " p"]:
    """What float64 may do to each left, or right, singular vector of the base, at most √2."""
    return rounding(axes) if isinstance(axes, Triplets) else axes.errors(left)


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


def by_reduction(matrix: Float[Tensor, "m n"], count: int) -> Leading | None:
    """Of a matrix at hand, by the tridiagonal form of its smaller Gram matrix; None where vectors are not certain.

    That form is the Gram matrix up to `noise`, and its largest eigenvalues are counted, so that none is missed. A
    perturbation of that norm turns a vector by a sine of `noise` over the distance to the next eigenvalue at most
    (Davis and Kahan, SIAM J. Numer. Anal. 7, 1970).
    """
    found = largest(matrix, count)
    if found is None:
        return None
    distances = gaps(found.squares, found.following) - found.noise
    short = bound_distances(found.noise / distances)
    long = bound_other_side(short, found.triplets.values)
    if float(long.max()) > 2.0 * GOAL:
        return None
    left, right = (short, long) if matrix.shape[0] < matrix.shape[1] else (long, short)
    return Leading(found.triplets, left, right, "leading")


def by_factors(base: Weight, update: Triplets, count: int) -> Leading | None:
    """Of a base plus an update of low rank, by products in the base's coordinates; None where the proof fails."""
    axes, rank = base.axes, extent(update)
    matrix, wide = base.matrix.double(), base.matrix.shape[0] < base.matrix.shape[1]
    roots = update.values[:rank].sqrt()
    left, right = update.left[:, :rank] * roots, update.right[:, :rank] * roots
    tall, outer, inner, along = (
        (matrix.mT, right, left, axes.along_left) if wide else (matrix, left, right, axes.along_right)
    )
    squares = axes.values.square()
    coordinates = low_rank(squares, along(inner), along(tall.mT @ outer), outer)
    norm = float(torch.linalg.vector_norm(axes.values) + torch.linalg.vector_norm(update.values))
    operator = Operator(
        apply=coordinates.apply,
        sides=(len(tall), len(squares)),
        squared_norm=norm**2,
        proves=lambda found, bound: coordinates.above(bound) == len(found.values),
    )
    start = torch.eye(count + SPARE, len(squares), dtype=torch.float64, device=squares.device)
    found = certify(operator, torch.cat([start, coordinates.axes.mT]), count, len(squares))
    if found is None:
        return None
    ritz, errors = found
    short = axes.combine(ritz.vectors.mT, left=wide)
    images = tall @ short + outer @ (inner.mT @ short)
    values = images.norm(dim=0)
    one = Leading(Triplets(images / values, values, short), bound_other_side(errors, values), errors, "leading")
    return one.turned if wide else one


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
