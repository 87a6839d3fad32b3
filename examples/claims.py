"""The paper's claims (Shuttleworth et al., arXiv 2410.21228v3) held against the runs, in numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from scipy.stats import binomtest, rankdata, spearmanr, t

from examples.measure import Found
from examples.recipes import FIXED_ALPHA, RANKS, Recipe
from examples.train import Trained


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe, what its training came to, and what Eigenscope found in it."""

    recipe: Recipe
    result: Trained
    found: Found


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's ρ over n runs with its two-sided p-value, as if the runs were independent, which seeds are not."""

    rho: float
    p: float
    n: int

    def __str__(self) -> str:
        return f"ρ = {self.rho:.2f} (p = {self.p:.2g}, n = {self.n})"


Number = Callable[[Run], float]
NUMBERS: dict[str, Number] = {
    "intruders": lambda run: float(run.found.intruders),
    "update norm": lambda run: run.found.relative_norm,
    "effective rank": lambda run: run.found.effective_rank,
    "accuracy": lambda run: run.result.accuracy,
    "forgetting": lambda run: run.result.forgetting,
    "similarity loss": lambda run: run.result.similarity_loss,
    "drift": lambda run: run.result.drift,
}


def correlation(runs: Sequence[Run], one: str, other: str) -> Correlation:
    found = spearmanr([NUMBERS[one](run) for run in runs], [NUMBERS[other](run) for run in runs])
    return Correlation(float(found.statistic), float(found.pvalue), len(runs))


def partial(runs: Sequence[Run], one: str, other: str, given: str) -> Correlation:
    """The correlation of ranks left when a third number's part in both is taken out (n - 3 degrees of freedom)."""
    first, second, third = (rankdata([NUMBERS[name](run) for run in runs]) for name in (one, other, given))
    rho = float(np.corrcoef(_without(first, third), _without(second, third))[0, 1])
    free = len(runs) - 3
    p = 2 * float(t.sf(abs(rho) * np.sqrt(free / max(1 - rho * rho, 1e-300)), free))
    return Correlation(rho, p, len(runs))


def _without(values: np.ndarray, given: np.ndarray) -> np.ndarray:
    """What a straight line through the given values leaves of these."""
    residual: np.ndarray = values - np.polyval(np.polyfit(given, values, 1), given)
    return residual


def pairs(runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Runs that differ in nothing but the learning rate: (low, high)."""

    def key(run: Run) -> tuple[int, int, int]:
        return run.recipe.rank, run.recipe.alpha, run.recipe.seed

    high = {key(run): run for run in runs if run.recipe.speed == "high"}
    return [(run, high[key(run)]) for run in runs if run.recipe.speed == "low" and key(run) in high]


def raised(runs: Sequence[Run], number: str) -> tuple[int, int, float]:
    """In how many of the LoRA pairs the higher rate raises the number, of how many that differ, the sign test's p."""
    both = [(NUMBERS[number](low), NUMBERS[number](high)) for low, high in pairs(runs) if not low.recipe.full]
    differ = [(low, high) for low, high in both if low != high]
    up = sum(high > low for low, high in differ)
    return up, len(differ), float(binomtest(up, len(differ)).pvalue) if differ else 1.0


def mean(runs: Sequence[Run], number: str, chosen: Callable[[Recipe], bool]) -> float:
    """The mean over the runs that are chosen by their recipe."""
    return fmean(NUMBERS[number](run) for run in runs if chosen(run.recipe))


def sentences(runs: Sequence[Run]) -> list[str]:
    """Each claim with this experiment's numbers, to be judged by the reader."""
    lora = [run for run in runs if not run.recipe.full]
    up, differ, p = raised(runs, "intruders")
    forgot, forgot_differ, forgot_p = raised(runs, "forgetting")
    return [
        f"full fine-tuning: {_counts(runs, lambda r: r.full)} intruders",
        *(f"LoRA r={rank} α=2r: {_counts(runs, _of(rank, 2 * rank))} intruders" for rank in RANKS),
        *(f"LoRA r={rank} α={FIXED_ALPHA}: {_counts(runs, _of(rank, FIXED_ALPHA))} intruders" for rank in RANKS),
        f"higher rate, more intruders: {up} of {differ} pairs that differ (sign test p = {p:.2g})",
        f"higher rate, more forgetting: {forgot} of {forgot_differ} pairs (p = {forgot_p:.2g})",
        f"intruders and forgetting, all runs: {correlation(runs, 'intruders', 'forgetting')}",
        f"intruders and forgetting, LoRA only: {correlation(lora, 'intruders', 'forgetting')}",
        f"intruders and similarity loss, all runs: {correlation(runs, 'intruders', 'similarity loss')}",
        f"intruders and drift, all runs: {correlation(runs, 'intruders', 'drift')}",
        f"intruders and accuracy, all runs: {correlation(runs, 'intruders', 'accuracy')}",
        f"update norm and forgetting, all runs: {correlation(runs, 'update norm', 'forgetting')}",
        f"intruders and forgetting given the update norm: {partial(runs, 'intruders', 'forgetting', 'update norm')}",
        f"update norm and forgetting given intruders: {partial(runs, 'update norm', 'forgetting', 'intruders')}",
    ]


def _of(rank: int, alpha: int) -> Callable[[Recipe], bool]:
    return lambda recipe: (recipe.rank, recipe.alpha) == (rank, alpha)


def _counts(runs: Sequence[Run], chosen: Callable[[Recipe], bool]) -> str:
    """The counts by rate: "0, 0 (low) · 12, 15 (high)"."""
    by_rate = (
        (speed, [str(run.found.intruders) for run in runs if chosen(run.recipe) and run.recipe.speed == speed])
        for speed in ("low", "high")
    )
    return " · ".join(f"{', '.join(counts)} ({speed})" for speed, counts in by_rate if counts) or "no run"
