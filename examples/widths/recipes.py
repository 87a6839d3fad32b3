"""The grid: three rules for the weight decay over six widths, with η ∝ 1/d in all of them.

At the narrowest width the rules say the same, so that one run is the narrow end of three families.
"""

from dataclasses import dataclass
from typing import Literal

from analysis.width_scaling.law import Setting

Rule = Literal["sqrt", "constant", "linear"]
RULES: dict[Rule, float] = {"sqrt": 0.5, "constant": 0.0, "linear": 1.0}  # λ grows as this power of d
TITLES: dict[Rule, str] = {"sqrt": "λ ∝ √d", "constant": "λ constant", "linear": "λ ∝ d"}
DRIFTS: dict[Rule, float] = {"sqrt": 0.0, "constant": 0.25, "linear": -0.25}  # of σ₁, by the law
WIDTHS = (64, 96, 128, 192, 256, 384)
RATE, DECAY = 1e-2, 1.0  # η and λ at the narrowest width
STEPS = 1600  # with them steps · η · λ is 2.6 or more at every width
WARM_UP = 80  # steps; then η is constant
SEEDS = (0, 1)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run."""

    width: int
    rule: Rule
    seed: int = 0
    steps: int = STEPS

    @property
    def times(self) -> float:
        """How much wider than the narrowest."""
        return self.width / WIDTHS[0]

    @property
    def rate(self) -> float:
        """η of the matrices and the head. Embedding and norms keep RATE."""
        return RATE / self.times

    @property
    def decay(self) -> float:
        """λ of the matrices, as PyTorch's AdamW takes it. The head keeps DECAY, embedding and norms have none."""
        return DECAY * float(self.times ** RULES[self.rule])

    @property
    def warm_up(self) -> int:
        return min(WARM_UP, self.steps // 2)

    @property
    def mean_rate(self) -> float:
        """η over the steps: the warm-up goes up in a straight line."""
        return self.rate * (1.0 - (self.warm_up - 1) / 2.0 / self.steps)

    @property
    def setting(self) -> Setting:
        return Setting(float(self.width), self.rate, self.decay, float(self.steps), self.mean_rate)

    @property
    def name(self) -> str:
        """The run's folder. That of the narrowest width belongs to all rules."""
        rule = "base" if self.width == WIDTHS[0] else self.rule
        return f"{rule}-d{self.width}-seed{self.seed}"


def family(rule: Rule, seeds: tuple[int, ...] = SEEDS, widths: tuple[int, ...] = WIDTHS) -> list[Recipe]:
    return [Recipe(width, rule, seed) for seed in seeds for width in widths]


def grid(seeds: tuple[int, ...] = SEEDS, widths: tuple[int, ...] = WIDTHS) -> list[Recipe]:
    """Every run once, of each seed the narrow ones first: what is there when time runs out are whole families."""
    every = [Recipe(width, rule, seed) for seed in seeds for width in widths for rule in RULES]
    return list({recipe.name: recipe for recipe in every}.values())
