"""The exponents of matrices of pure noise: `python -m benchmarks.truth.noise`, for docs/evidence.md."""

from statistics import median

import click
import torch

from analysis.diagnostics import requests
from analysis.weight import Weight, WeightInfo
from benchmarks.truth.scorer import interval

SHAPES = ((64, 64), (128, 128), (64, 128), (64, 256), (384, 1536))
THIN = 6.0  # exponent above which a tail is called thin
(ESD,) = requests({"esd": {}})


@click.command(help=__doc__)
@click.option("--matrices", default=100, show_default=True, help="Of each shape; a quarter of the largest.")
def main(matrices: int) -> None:
    torch.set_num_threads(1)
    click.echo("| shape | matrices | α (KS) above 6 | 95 % of that share | median Hill |\n|---|---|---|---|---|")
    for rows, columns in SHAPES:
        count = matrices if rows < 384 else max(1, matrices // 4)
        found = [exponents(rows, columns, seed) for seed in range(count)]
        thin = sum(alpha > THIN for alpha, _ in found)
        low, high = interval(thin, count)
        hill = median(value for _, value in found)
        click.echo(f"| {rows} × {columns} | {count} | {thin / count:.0%} | {low:.0%} to {high:.0%} | {hill:.2f} |")


def exponents(rows: int, columns: int, seed: int) -> tuple[float, float]:
    """α by KS and by Hill of one matrix of independent normal entries."""
    noise = torch.Generator().manual_seed(seed)
    weight = Weight(
        WeightInfo("w", "w", rows, columns, 1, "other", None), torch.randn(1, rows, columns, generator=noise)
    )
    values = ESD.diagnostic.compute((weight,), ESD.options).values
    return float(values["alpha"] or 0.0), float(values["alpha_hill"] or 0.0)


if __name__ == "__main__":
    main()
