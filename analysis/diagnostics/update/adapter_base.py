"""What an adapter's outputs say of the base that it is compared with.

W₀ + ΔW resembles any W₀, so that no cosine judges an adapter's base. But the gradients that made its factor B come
through the base: its column space lies among the base's leading output directions more than chance lets it, and no
more on a base that was trained apart. Each direction counts alike here, the weak ones too, and the base's first
eighth. The bound was set on one half of made pairs, and its rates are of the other half (benchmarks/truth/adapters.py).
"""

import math
from collections.abc import Sequence
from statistics import median

from analysis.diagnostic import Finding, Row, Scalar, Severity
from analysis.findings.changes import ADAPTER_BASE
from analysis.findings.grouping import having
from analysis.findings.subjects import names, number
from analysis.findings.wording import quantity, two_places
from analysis.linalg.subspaces import chance, chance_deviation, extent, overlap
from analysis.weight import Weight

PART = 8  # the base's leading directions looked at: one of so many
LEAST, MOST = 4, 0.25  # directions of the base that are a subspace, and share of all outputs that an update may fill
AT_CHANCE = 1.15  # of chance, up to which the shares of the set half were of other bases only: own ones from 1.6 on
SURE = 0.05  # standard error of the median, up to which the evidence decides


def leading(rows: int, columns: int) -> int:
    """How many of the base's output directions are looked at."""
    return min(rows, columns) // PART


def outputs_over_chance(base: Weight, tuned: Weight) -> dict[str, Scalar]:
    """The share of the update's output directions within the base's leading ones, over chance: 1 where unrelated.

    Nothing of updates that are not known by factors, that are zero, or that fill too much of the space.
    """
    rows, columns = base.matrix.shape
    if tuned.factors is None:
        return {}
    k, r = min(leading(rows, columns), extent(base.axes)), extent(tuned.update)
    if not r or k < LEAST or r > MOST * rows:
        return {}
    shared = overlap(tuned.update.left[:, :r], base.axes.leading(k).left)  # over the smaller of the two
    return {"outputs_over_chance": shared / chance(k, r, rows), "output_directions": r}


def adapter_base_findings(rows: Sequence[Row], tuned: str, base: str) -> list[Finding]:
    """A note where an adapter's outputs lie in the base's leading ones no more than chance, if that is certain."""
    told = having(rows, "outputs_over_chance")
    if not told:
        return []
    share, error = median(number(row, "outputs_over_chance") for row in told), _error(told)
    if share > AT_CHANCE or error > SURE:
        return []
    text = f"{tuned} writes among the leading outputs of {base} no more than chance: {two_places(share)} times"
    why = (
        f"Median of {quantity(len(told), 'matrix', 'matrices')} ± {two_places(error)}. Small adapters that we trained "
        "had 1.6 to 3.5 on their own base, and 0.9 to 1.3 on one trained apart. So this may be another base, or the "
        "adapter was hardly trained."
    )
    facts: dict[str, Scalar] = {"outputs_over_chance": share, "error": error, "matrices": len(told)}
    return [Finding(Severity.NOTE, text, why, names(told), facts, ADAPTER_BASE)]


def _error(rows: Sequence[Row]) -> float:
    """Of the median of so many matrices by chance: 1.25 times that of the mean."""
    return 1.25 * math.sqrt(sum(_deviation(row) ** 2 for row in rows)) / len(rows)


def _deviation(row: Row) -> float:
    m, r = row.weight.rows, int(number(row, "output_directions"))
    k = leading(m, row.weight.columns * row.weight.slices)
    return chance_deviation(r, k, m) / chance(r, k, m)
