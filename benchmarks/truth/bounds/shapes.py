"""How often a shape is rightly said to raise an exponent: `python -m benchmarks.truth.bounds.shapes`.

Matrices of one law in several shapes. What the shape does to the exponent is known: the mean over drawn long matrices
against the mean over square ones with the same short side. LARGE_BIAS of analysis/diagnostics/farms/summary.py was set
before, without them; the note sees one long matrix.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from statistics import fmean

import click
import torch
from torch import Tensor

from analysis.diagnostic import Request, Row, Table
from analysis.diagnostics import requests
from analysis.weight import Weight, WeightInfo
from benchmarks.truth.faults import Noise
from benchmarks.truth.scorer import interval

REQUEST: Request = requests({"farms": {}})[0]
ASPECTS, SIDES = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0), (64, 128)
BINS = (-1.0, 0.1, 0.2, 0.25, 0.3, 0.4, 2.0)  # of the share; the note is true from 0.25 on
Law = Callable[[int, int, Noise], Tensor]  # of the short and the long side


def normal(short: int, long: int, noise: Noise) -> Tensor:
    return torch.randn(short, long, generator=noise)


def heavy(short: int, long: int, noise: Noise) -> Tensor:
    """Entries of Student's t with 3 degrees of freedom."""
    squares = torch.randn(3, short, long, generator=noise).square().mean(0)
    return torch.randn(short, long, generator=noise) / squares.sqrt()


def steep(power: float) -> Law:
    """Rows of the short side with sizes that fall as a power of their number, in a basis of their own."""

    def law(short: int, long: int, noise: Noise) -> Tensor:
        sizes = torch.arange(1.0, short + 1.0).pow(-power)
        basis = torch.linalg.qr(torch.randn(short, short, generator=noise))[0]
        found: Tensor = basis @ (sizes[:, None] * torch.randn(short, long, generator=noise))
        return found

    return law


def spiked(short: int, long: int, noise: Noise) -> Tensor:
    """Noise, and an eighth of the directions on top of it."""
    rank = short // 8
    left = torch.randn(short, rank, generator=noise)
    return torch.randn(short, long, generator=noise) + left @ torch.randn(rank, long, generator=noise)


LAWS: Mapping[str, Law] = {
    "noise": normal,
    "heavy entries": heavy,
    "sizes as k^-0.5": steep(0.5),
    "sizes as k^-1": steep(1.0),
    "noise and directions": spiked,
}


def measure(matrix: Tensor) -> Row:
    info = WeightInfo("w", "w", len(matrix), matrix.shape[1], 1, "other", None)
    return Row(info, (0,), REQUEST.diagnostic.compute((Weight(info, matrix[None]),), REQUEST.options))


def is_said(row: Row) -> bool:
    said = REQUEST.diagnostic.summarise(Table(REQUEST.diagnostic, (row,))).findings
    return any(finding.text.startswith("The shape raises") for finding in said)


def cases(law: Law, side: int, draws: int, seed: int) -> Iterator[tuple[float, int]]:
    """Of each aspect, the share of the exponent above 1 that is its shape, and how often the note is there."""
    noise = torch.Generator().manual_seed(seed)
    square = fmean(alpha(measure(law(side, side, noise))) for _ in range(draws))
    for aspect in ASPECTS:
        rows = [measure(law(side, round(aspect * side), noise)) for _ in range(draws)]
        raw = fmean(map(alpha, rows))
        yield (raw - square) / (raw - 1.0), sum(map(is_said, rows))


def alpha(row: Row) -> float:
    return float(row.value("alpha_raw") or 0.0)


@click.command(help=__doc__)
@click.option("--draws", default=40, show_default=True, help="Of each law, side and aspect.")
@click.option("--seed", default=7, show_default=True)
def main(draws: int, seed: int) -> None:
    torch.set_num_threads(1)
    found = [case for law in LAWS.values() for side in SIDES for case in cases(law, side, draws, seed)]
    click.echo("| share of α above 1 that is shape | kinds of matrix | matrices | said | 95 % of that share |")
    click.echo("|---|---|---|---|---|")
    for low, high in pairwise(BINS):
        said = [count for share, count in found if low <= share < high]
        ends = interval(sum(said), len(said) * draws)
        share = f"less than {high:g}" if low < 0.0 else f"{low:g} or more" if high > 1.0 else f"{low:g} to {high:g}"
        numbers = f"{len(said)} | {len(said) * draws} | {sum(said)} | {ends[0]:.0%} to {ends[1]:.0%}"
        click.echo(f"| {share} | {numbers} |")


if __name__ == "__main__":
    main()
