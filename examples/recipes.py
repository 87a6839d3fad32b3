"""The grid of runs: LoRA at three ranks, two rules for alpha and two learning rates; full fine-tuning.

As in the paper (arXiv 2410.21228, section 3 and appendix), alpha · learning rate is one number for every rank.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

RANKS = (1, 8, 64)
FIXED_ALPHA = 8
PRODUCTS = (4.8e-3, 9.6e-3)  # alpha · learning rate: 2 and 4 times the paper's, for far fewer steps
FULL_RATES = (5e-5, 1e-4)  # 5 and 10 times the paper's
SEEDS = (0, 1)  # of the second, the runs with alpha = 2r and the full ones
Speed = Literal["low", "high"]
SPEEDS: tuple[Speed, Speed] = ("low", "high")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One fine-tuning run. Rank 0 is full fine-tuning, which has no alpha."""

    rank: int
    alpha: int
    rate: float
    speed: Speed  # which of the two learning rates
    seed: int

    @property
    def full(self) -> bool:
        return self.rank == 0

    @property
    def title(self) -> str:
        return f"full, {self.speed} rate" if self.full else f"LoRA r={self.rank} α={self.alpha}, {self.speed} rate"

    @property
    def name(self) -> str:
        """The run's folder."""
        method = "full" if self.full else f"lora-r{self.rank}-a{self.alpha}"
        return f"{method}-{self.speed}-seed{self.seed}"


def grid() -> tuple[Recipe, ...]:
    """Every run, a whole seed before the next."""
    first, second = (list(of_seed(seed)) for seed in SEEDS)
    return (*first, *(recipe for recipe in second if recipe.alpha == 2 * recipe.rank))


def of_seed(seed: int) -> Iterator[Recipe]:
    for speed, product, rate in zip(SPEEDS, PRODUCTS, FULL_RATES, strict=True):
        yield Recipe(0, 0, rate, speed, seed)
        for rank in RANKS:
            for alpha in (2 * rank, FIXED_ALPHA):
                yield Recipe(rank, alpha, product / alpha, speed, seed)
