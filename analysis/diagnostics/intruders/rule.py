"""Intruder dimensions: directions of a tuned weight that its base did not have.

The rule (Shuttleworth et al., NeurIPS 2025, arXiv 2410.21228, section 3): a singular vector of the tuned W is an
intruder where its absolute cosine with every singular vector of the base is below ε. Beside it, how much
of the vector lies in a window of base vectors of nearly equal singular values: these may rotate among themselves, and a
rotation is not new.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.linalg.reduction import Reduction
from analysis.linalg.triplets import Triplets
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Bool, Float64

Side = Literal["left", "right", "both"]
NEAR = 0.1  # singular values within a tenth of each other are near-degenerate; docs/intruders.md says why a tenth
HELD = math.sqrt(
    0.5
)  # of a vector's length inside the window: from here on more of its square lies inside than outside
SETTLED = 1e-6  # error of a base vector, above which its neighbours may have changed places with it
SHARE = 0.25  # of a random vector's square that a window may hold, half of HELD²
CAVEAT = (
    "Intruders go with forgetting (Spearman 0.97 and 0.59 in two experiments of the paper), not significantly with the "
    "accuracy on the task. In our runs the size of the update alone gives 0.92 over 18 of LoRA, 0.70 with 4 full "
    "ones (docs/evidence.md)."
)


@dataclass(frozen=True)
class Match:
    """How the leading directions of a tuned weight lie among those of its base."""

    similarity: Float64[Tensor, "p d"]  # |cos| of each base direction with each tuned direction
    captured: Float64[Tensor, " d"]  # length of each within the window around its best match, 0 to 1
    crowded: Bool[Tensor, " d"]  # whether the window had to be cut, because chance would have filled it

    @property
    def best(self) -> Float64[Tensor, " d"]:
        """The largest |cos| of each tuned direction with any base direction."""
        return self.similarity.amax(dim=0)

    def intruders(self, k: int, epsilon: float) -> Bool[Tensor, " k"]:
        """The authors' rule: which of the first k are strictly below ε."""
        return self.best[:k] < epsilon

    def guarded_intruders(self, k: int, epsilon: float) -> Bool[Tensor, " k"]:
        """The same without those that only rotated: at least HELD, and ε, of their length lies in their window."""
        return self.intruders(k, epsilon) & (self.captured[:k] < max(HELD, epsilon))


def match(base: Triplets | Reduction, tuned: Triplets, side: Side) -> Match:
    """On the left, the right, or both: then a direction is as near to a base's as its nearer side is.

    So an intruder on both sides is new among the outputs and among the inputs.
    """
    if side == "both":
        one, other = match(base, tuned, "left"), match(base, tuned, "right")
        return Match(
            torch.maximum(one.similarity, other.similarity),
            torch.maximum(one.captured, other.captured),
            one.crowded | other.crowded,
        )
    theirs = tuned.left if side == "left" else tuned.right
    parts = base.along_left(theirs) if side == "left" else base.along_right(theirs)
    similarity = parts.abs().clamp(max=1.0)
    window, is_crowded = windows(base.values, similarity, len(theirs))
    return Match(similarity, captured_lengths(similarity, window), is_crowded)


def captured_lengths(similarity: Float64[Tensor, "p d"], inside: Bool[Tensor, "p d"]) -> Float64[Tensor, " d"]:
    """‖U₀[:, window]ᵀ u‖ of each direction u, 0 to 1."""
    return (similarity.square() * inside).sum(dim=0).sqrt().clamp(max=1.0)


def windows(
    values: Float64[Tensor, " p"], similarity: Float64[Tensor, "p d"], dimensions: int
) -> tuple[Bool[Tensor, "p d"], Bool[Tensor, " d"]]:
    """For each tuned direction the base vectors whose singular value is within NEAR of its best match's.

    Never so many that a random direction would have more than SHARE of its square there: the nearest then, and True. Of
    equally near ones, any: a flat spectrum has nothing else.
    """
    place = similarity.argmax(dim=0)
    centre = values[place]
    distance = (values[:, None] - centre).abs()
    distance[place, torch.arange(len(place), device=place.device)] = -1.0  # itself first, whoever shares its value
    size = min(len(values), widest(dimensions))
    nearest = distance.topk(size, dim=0, largest=False).indices
    is_near = distance <= NEAR * centre
    return is_near & torch.zeros_like(is_near).scatter(0, nearest, True), is_near.sum(dim=0) > size


def widest(dimensions: int) -> int:
    """The largest window in which a random direction of R^m has at most SHARE of its square.

    There its best match has 2 ln m / m and each other vector 1 / m.
    """
    return max(1, int(1.0 + SHARE * dimensions - 2.0 * math.log(dimensions)))


def ambiguity(similarity: Float64[Tensor, "p d"], errors: Float64[Tensor, " p"]) -> Float64[Tensor, " d"]:
    """How far the best match of each direction would move with another choice among base vectors that are arbitrary.

    `errors` bounds what rounding does to each base vector, in the order of their singular values: no cosine with it
    moves by more. Neighbours that rounding may turn into each other form a cluster of s vectors: the best match in it
    has 1/√s to all of a direction's length there, which is the closer bound where they are equal.
    """
    loose = errors > SETTLED
    follows = torch.cat([loose.new_zeros(1), loose[1:] & loose[:-1]])
    cluster = (~follows).cumsum(dim=0) - 1
    squares = torch.zeros_like(similarity).index_add(0, cluster, similarity.square())
    members = torch.zeros_like(errors).index_add(0, cluster, torch.ones_like(errors))[cluster, None]
    lengths = squares.sqrt()[cluster]
    noise = torch.where(loose, 0.0, errors).max()
    above = torch.minimum(similarity + errors[:, None], lengths + noise)
    below = torch.maximum(similarity - errors[:, None], lengths / members.sqrt() - noise)
    best_match = similarity.amax(dim=0)
    return torch.maximum(above.amax(dim=0) - best_match, best_match - below.amax(dim=0)).clamp(min=0.0, max=1.0)


def chance(*sides: tuple[int, int]) -> float:
    """The mean of max |cos| of a random direction of R^m with p orthonormal vectors, (m, p); of two sides the larger.

    A Gaussian vector is its length times its direction, and the two are independent: so the mean is E max |gᵢ| / E ‖g‖
    with p of m numbers gᵢ, exact for one side. About √(2 ln m / m); with two, ‖g‖ is taken at its mean.
    """
    from scipy.integrate import quad  # half a second that no start of a program should wait for

    def density_below(t: float) -> float:
        return math.prod(math.erf(t * mean_length(m) / math.sqrt(2.0)) ** p for m, p in sides)

    ends = [math.sqrt(2.0 * math.log(2.0 * p) + 80.0) / mean_length(m) for m, p in sides]
    middle = max(math.sqrt(2.0 * math.log(2.0 * p)) / mean_length(m) for m, p in sides)
    mean, _ = quad(lambda t: 1.0 - density_below(t), 0.0, max(ends), points=[min(middle, max(ends))], limit=200)
    return min(1.0, float(mean))


def mean_length(m: int) -> float:
    """E ‖g‖ of m independent standard normal numbers: √2 Γ((m + 1)/2) / Γ(m/2)."""
    return math.sqrt(2.0) * math.exp(math.lgamma((m + 1) / 2.0) - math.lgamma(m / 2.0))


def sweep(best: Float64[Tensor, " k"]) -> tuple[Float64[np.ndarray, " e"], Float64[np.ndarray, " e"]]:
    """ε from 0.05 to 0.95 in steps of 0.05, and how many of the directions are intruders at each."""
    epsilon: Float64[np.ndarray, " e"] = np.arange(1, 20) / 20.0
    count: Float64[np.ndarray, " e"] = (best.cpu().numpy()[:, None] < epsilon).sum(axis=0).astype(np.float64)
    return epsilon, count
