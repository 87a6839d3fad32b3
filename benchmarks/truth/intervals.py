"""How often intervals of α hold the true exponent: Pareto samples, alone and above a body that is no power law.

`python -m benchmarks.truth.intervals` prints the table of docs/truth.md. Noise has no exponent, and so no coverage.
"""

from collections.abc import Callable
from statistics import NormalDist

import click
import numpy as np

from analysis.runtime.shapes import Float64
from analysis.statistics import alternatives, power_law

Values = Float64[np.ndarray, " k"]
Make = Callable[[int, float, np.random.Generator], Values]
LEVELS = (0.68, 0.95)
FITS, BOOTSTRAPS, RESAMPLES = 300, 80, 200


def pareto(size: int, alpha: float, generator: np.random.Generator) -> Values:
    """A power law from 1 on and nothing else, ascending."""
    values: Values = np.sort((1.0 - generator.random(size)) ** (-1.0 / (alpha - 1.0)))
    return values


def above_body(size: int, alpha: float, generator: np.random.Generator) -> Values:
    """Three tenths of the values follow the law from 1 on, the others a density that rises up to 1."""
    tail = pareto(round(0.3 * size), alpha, generator)
    values: Values = np.sort(np.concatenate([np.sqrt(generator.random(size - len(tail))), tail]))
    return values


def coverage(make: Make, size: int, alpha: float, seed: int) -> dict[str, list[float]]:
    """For each kind of interval, how often it holds α at each of LEVELS."""
    generator = np.random.default_rng(seed)
    samples = [make(size, alpha, generator) for _ in range(FITS)]
    laws = [law for law in map(power_law.fit, samples) if law is not None]
    found = {}
    for name, factor in (("± σ", 1.0), (f"± {power_law.SEARCH} σ", power_law.SEARCH)):
        widths = [factor * NormalDist().inv_cdf(0.5 + level / 2.0) for level in LEVELS]
        found[name] = [
            float(np.mean([abs(one.alpha - alpha) <= width * one.sigma for one in laws])) for width in widths
        ]
    bounds = [
        [alternatives.bootstrap(sample, RESAMPLES, at, level) for at, sample in enumerate(samples[:BOOTSTRAPS])]
        for level in LEVELS
    ]
    found["bootstrap"] = [float(np.mean([b is not None and b[0] <= alpha <= b[1] for b in some])) for some in bounds]
    return found


@click.command(help=__doc__)
def main() -> None:
    click.echo("| tail | eigenvalues | α | interval | holds α at 68 % | at 95 % |\n|---|---|---|---|---|---|")
    for name, make in (("Pareto", pareto), ("Pareto above a body", above_body)):
        for size in (100, 400):
            for alpha in (2.5, 4.0):
                for kind, (narrow, wide) in coverage(make, size, alpha, seed=1).items():
                    click.echo(f"| {name} | {size} | {alpha} | {kind} | {narrow:.0%} | {wide:.0%} |")


if __name__ == "__main__":
    main()
