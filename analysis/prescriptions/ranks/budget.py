"""A budget of parameters or of experts, given out in proportion to what was measured of each layer."""

import math
from collections.abc import Sequence

from analysis.errors import OptionError


def proportional_ranks(
    shares: Sequence[int | float], costs: Sequence[int], budget: int, least: int, most: int
) -> tuple[int, ...]:
    """Ranks r_l ∝ share_l with Σ r_l cost_l ≤ budget, least ≤ r_l ≤ most, each a multiple of `least`.

    `costs` are parameters for one direction, m + n. Layers at a bound are fixed there and the rest is given out again
    (water filling); then whole multiples are rounded down and what is left goes to the layers that lost most by the
    rounding. Not validated by any paper. Raises OptionError where the budget is below `least` in every layer.
    """
    if budget < least * sum(costs):
        text = f"budget={budget}: {least} for each of {len(costs)} layers takes {least * sum(costs)}"
        raise OptionError(f"{text} parameters; choose a larger budget or a smaller r_min")
    targets = _water_fill(shares, costs, budget, least, most)
    ranks = [max(least, least * math.floor(value / least + 1e-9)) for value in targets]
    rest = budget - sum(rank * cost for rank, cost in zip(ranks, costs, strict=True))
    for at in sorted(range(len(ranks)), key=lambda at: ranks[at] - targets[at]):
        if least * costs[at] <= rest and ranks[at] + least <= most and targets[at] > ranks[at]:
            ranks[at] += least
            rest -= least * costs[at]
    return tuple(ranks)


def _water_fill(shares: Sequence[int | float], costs: Sequence[int], budget: int, least: int, most: int) -> list[float]:
    """The real r_l = clip(t · share_l, least, most) with Σ r_l cost_l = budget; all at most if it lasts."""

    def ranks(scale: float) -> list[float]:
        return [min(float(most), max(float(least), scale * share)) for share in shares]

    def spent(scale: float) -> float:
        return math.fsum(rank * cost for rank, cost in zip(ranks(scale), costs, strict=True))

    low, high = 0.0, most / min((share for share in shares if share > 0.0), default=1.0)
    if spent(high) <= budget:
        return ranks(high)
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if spent(middle) <= budget else (low, middle)
    return ranks(low)


def experts_by_alpha(alphas: Sequence[int | float], total: int, beta: float = 2.5) -> tuple[int, ...]:
    """Experts per layer ∝ α^β, rounded to the total by the largest remainder; `alphas` are layer means of Hill's α.

    AlphaLoRA (Qing et al., arXiv 2410.10054, EMNLP 2024), from the formula in the text: its code is not released.
    Raises OptionError where the total is below one per layer or an α is not above 0.
    """
    if total < len(alphas):
        raise OptionError(f"experts={total}: fewer than one for each of {len(alphas)} layers; choose at least that")
    if min(alphas) <= 0.0:
        raise OptionError(f"an α of {min(alphas):g} cannot be weighed; the α of each layer must be above 0")
    top = max(alphas)
    weights = [(alpha / top) ** beta for alpha in alphas]
    exact = [total * weight / math.fsum(weights) for weight in weights]
    counts = [math.floor(share) for share in exact]
    order = sorted(range(len(exact)), key=lambda at: (counts[at] - exact[at], at))
    for at in order[: total - sum(counts)]:
        counts[at] += 1
    return tuple(counts)
