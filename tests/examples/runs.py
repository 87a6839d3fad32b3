"""Runs that nobody trained, for the tests of what is said about them."""

from examples.claims import Run
from examples.measure import Found
from examples.recipes import Recipe, grid
from examples.train import Trained


def made(recipe: Recipe, intruders: int, forgetting: float, norm: float = 0.02, accuracy: float = 0.7) -> Run:
    epsilons = [0.05 * i for i in range(1, 20)]
    counts = [intruders * epsilon for epsilon in epsilons]
    found = Found(intruders, intruders, 36, min(intruders, 36), norm, 5.0, epsilons, counts, {0: intruders})
    return Run(recipe, Trained(accuracy, 0.5, forgetting, forgetting, forgetting, 60.0), found)


def whole_grid() -> list[Run]:
    """Every run of the grid; intruders grow as the rank falls and with the rate, and forgetting with them."""
    runs = []
    for number, recipe in enumerate(grid()):
        fast = 3 if recipe.speed == "high" else 1
        intruders = 0 if recipe.full else fast * 64 // recipe.rank
        runs.append(
            made(
                recipe,
                intruders,
                0.1 + 0.001 * intruders,
                norm=0.01 * (1 + number),
                accuracy=0.7 + 0.001 * recipe.rank + 0.01 * recipe.seed,
            )
        )
    return runs
