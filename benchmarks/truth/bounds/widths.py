"""How often `Yes`, `Nearly` and `No` are right of a family of widths: `python -m benchmarks.truth.bounds.widths`.

Made families, in which σ₁ grows with an exponent that is known, as benchmarks/widths.py has those that keep the law:
its scatter, seven kinds of matrix. PASS and WARN of analysis/width_scaling/law.py were set before. The verdict is that
of all matrices together on the widest model, by which the page answers; it is right where the planted factor lies
within the same bounds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import click
import numpy as np

from analysis.diagnostic import Severity, Table
from analysis.outcome import Outcome
from analysis.width_scaling.family import family, scaling
from analysis.width_scaling.law import verdict
from benchmarks.widths import SIZES, made, worst

EXPONENTS = (-0.5, -0.2, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
BLOCKS = (1, 8)
COMMON = (0.0, 0.04, 0.08)  # scatter of ln σ₁ that all kinds of one model share


def answer(table: Table) -> Outcome:
    """Whether σ₁ of all matrices stayed the same up to the widest model."""
    models = family(table)
    assert models is not None
    overall = scaling(models).overall
    assert overall is not None
    return max(overall.pairs, key=lambda pair: models.settings[pair.target].width).transfer


@dataclass(frozen=True, slots=True)
class Rates:
    """Of families with one planted exponent, the shares answered rightly, and warned of or worse."""

    right: float
    warned: float


def rates(
    widths: tuple[float, ...],
    random: np.random.Generator,
    families: int,
    exponent: float = 0.0,
    blocks: int = 2,
    common: float = 0.0,
) -> Rates:
    tables = [made(widths, random, exponent, blocks, common) for _ in range(families)]
    true = outcome_of(widths, exponent)
    right = sum(answer(table) is true for table in tables)
    warned = sum(worst(table) in (Severity.WARN, Severity.BAD) for table in tables)
    return Rates(right / families, warned / families)


def outcome_of(widths: tuple[float, ...], exponent: float) -> Outcome:
    """What is true: of the factor by which σ₁ grows from the narrowest to the widest."""
    return verdict(exponent * math.log(widths[-1] / widths[0]))


def line(*cells: object, found: Sequence[Rates]) -> str:
    numbers = [*(one.right for one in found), *(one.warned for one in found)]
    return f"| {' | '.join(map(str, cells))} | {' | '.join(f'{number:.0%}' for number in numbers)} |"


@click.command(help=__doc__)
@click.option("--families", default=100, show_default=True, help="Of each exponent, number of widths and of blocks.")
@click.option("--seed", default=7, show_default=True)
def main(families: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    numbers = " | ".join([f"right, {count}" for count in SIZES] + [f"warned, {count}" for count in SIZES])
    click.echo(f"| d^ | blocks | {numbers} |\n" + "|---" * (2 + 2 * len(SIZES)) + "|")
    for exponent in EXPONENTS:
        for blocks in BLOCKS:
            found = [rates(widths, random, families, exponent, blocks) for widths in SIZES.values()]
            click.echo(line(f"{exponent:+.2f}", blocks, found=found))
    click.echo(f"\n| scatter in common | {numbers} |\n" + "|---" * (1 + 2 * len(SIZES)) + "|")
    for common in COMMON:
        found = [rates(widths, random, families, common=common) for widths in SIZES.values()]
        click.echo(line(f"{common:g}", found=found))


if __name__ == "__main__":
    main()
