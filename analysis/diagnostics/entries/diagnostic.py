"""What the entries of each weight tell: dead rows, zeros, grids, copies, outliers, and whether they are as random.

One pass over the values, and the spectrum that other diagnostics share. No source has these in one place; each column
names its own.
"""

import math
from collections.abc import Sequence

import numpy as np

from analysis.diagnostic import Curve, Diagnostic, Measurement, Options, Scalar, Scope
from analysis.diagnostics.entries import copies, evenness, extremes, grid, lines, noise
from analysis.diagnostics.entries.columns import COLUMNS
from analysis.diagnostics.entries.rank import stored_rank
from analysis.diagnostics.entries.summary import summarise
from analysis.figure import ByDepth, Figure, Heatmap
from analysis.runtime.arrays import double, dtype_name
from analysis.runtime.shapes import Float, Float64
from analysis.weight import Weight

SAMPLED = 65536  # entries whose distribution is looked at


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    largest = weight.spectrum.largest  # raises where the weight is not finite
    curves: dict[str, Curve] = {"sample": copies.sample(weight.array)}
    values: dict[str, Scalar] = {"digest": copies.digest(weight.array), "dtype": dtype_name(weight.array)}
    if largest == 0.0:
        return Measurement(values | {"zeros": 1.0, "state": "zero", "rms": 0.0}, curves, "the matrix is zero")
    unit = math.ldexp(1.0, math.frexp(largest)[1])
    sums = lines.sums(weight.array, unit)
    values |= sizes(weight, sums, unit) | repeats(weight, sums) | against_noise(weight, sums, unit)
    values |= apart(weight, sums)
    return Measurement(values, curves)


def sizes(weight: Weight, added: lines.Sums, unit: float) -> dict[str, Scalar]:
    """Scale, shape and largest entry."""
    count = weight.array.size
    rms = math.sqrt(added.squares / count)
    peak, row, column = added.largest
    dtype = grid.stored_type(weight.array)
    return {
        "rms": rms * unit,
        "kurtosis": noise.peakedness(added, count),
        "largest": peak / rms,
        "largest_row": row,
        "largest_column": column,
        "isolation": lines.isolation(weight.array, row, column),
        "stored_as": dtype,
        "rank": stored_rank(weight.spectrum, rms * unit, grid.ROUNDOFF[dtype]),
        "num_evals": weight.spectrum.values.size,
        "condition": _condition(weight.spectrum.values),
    }


def repeats(weight: Weight, added: lines.Sums) -> dict[str, Scalar]:
    """What repeats: zeros, equal rows and columns, levels and grids."""
    slices = weight.array
    matrix, transpose = in_file_order(slices), by_inputs(slices)
    rows = grid.sample(matrix)
    value_grid = grid.grid(matrix, grid.ROUNDOFF[grid.stored_type(slices)])
    values: dict[str, Scalar] = {
        "zero_rows": int((added.rows == 0.0).sum()),
        "zero_columns": int((added.columns == 0.0).sum()),
        "equal_rows": lines.equal(matrix),
        "equal_columns": lines.equal(transpose),
        "row_cosine": lines.cosine(matrix),
        "zeros": added.zeros / slices.size,
        "commonest": grid.commonest(rows),
        "levels": int(grid.levels(rows.reshape(1, -1))[0]),
        "levels_row": float(grid.levels(rows).mean()),
        "grid": value_grid.of if value_grid else "",
        "grid_steps": value_grid.steps if value_grid else None,
        "excess_zeros": grid.has_excess_zeros(matrix, value_grid) if value_grid and value_grid.is_even else None,
    }
    for size in grid.GROUPS:
        groups = grid.blocks(matrix, size)
        values[f"levels_{size}"] = float(grid.levels(groups).mean()) if len(groups) else None
    return values


def against_noise(weight: Weight, added: lines.Sums, unit: float) -> dict[str, Scalar]:
    """How far the weight is from independent entries, and the state that this says it is in."""
    sample = double(weight.array.reshape(-1)[:: max(1, weight.array.size // SAMPLED)])
    comparison = noise.compare(weight.spectrum, added, unit, _likeness(weight))
    shape = evenness.evenness(weight.array, weight.spectrum)
    values: dict[str, Scalar] = {"entries_law": noise.law_of(sample), "state": shape}
    if comparison is None:
        return values
    beside = extremes.neighbours(weight.array) if comparison.random else 0.0
    state = shape or ("random" if comparison.random and beside <= noise.CHANCE else "")
    return values | {
        "num_above_random": comparison.above,
        "random_edge": comparison.edge,
        "random_D": comparison.distance,
        "line_spread": max(comparison.lines, beside),
        "state": state,
    }


def apart(weight: Weight, added: lines.Sums) -> dict[str, Scalar]:
    """What stands apart within the weight: a line, a few directions, a size that no entry passes."""
    roundoff = grid.ROUNDOFF[grid.stored_type(weight.array)]
    rms = math.sqrt(float(np.square(weight.spectrum.slices).sum()) / weight.array.size)
    line, gap = extremes.longest_line(added.rows, added.columns), extremes.widest_gap(weight.spectrum, rms, roundoff)
    return {
        "at_limit": extremes.at_limit(grid.sample(in_file_order(weight.array))),
        "line": line.place if line else "",
        "line_excess": line.excess if line else None,
        "gap": gap.ratio if gap else None,
        "gap_after": gap.after if gap else None,
    }


def _condition(values: Float64[np.ndarray, " k"]) -> float | None:
    return float(values.max() / values.min()) if values.min() > 0.0 else None


def _likeness(weight: Weight) -> float:
    """How much more, or less, rows, columns and kernel positions resemble each other than independent ones do."""
    slices = weight.array
    return max(map(lines.likeness, (in_file_order(slices), by_inputs(slices), slices.reshape(len(slices), -1))))


def in_file_order(slices: Float[np.ndarray, "s m n"]) -> Float[np.ndarray, "m ns"]:
    """A row for each output, as files hold kernels: positions side by side."""
    return slices[0] if len(slices) == 1 else slices.transpose(1, 2, 0).reshape(slices.shape[1], -1)


def by_inputs(slices: Float[np.ndarray, "s m n"]) -> Float[np.ndarray, "n sm"]:
    """A row for each input, position after position."""
    return slices[0].T if len(slices) == 1 else slices.transpose(2, 0, 1).reshape(slices.shape[2], -1)


ENTRIES = Diagnostic(
    name="entries",
    title="Entries",
    scope=Scope.ONE,
    default=True,
    reference="Marchenko and Pastur 1967; Martin and Mahoney, JMLR 22, 2021; benchmarks/truth for the bounds",
    description="What the values themselves tell: dead rows, zeros, grids, copies, outliers, and what is as random.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    summary_curves=("sample",),
    figures=(
        Figure(
            "above-random-by-depth",
            "Eigenvalues above random",
            "How many eigenvalues independent entries of this variance would not have. 0 is noise.",
            ByDepth(y="num_above_random"),
        ),
        Figure(
            "scale-by-role",
            "Scale by block and role",
            "Each cell is one matrix: the root mean square of its entries.",
            Heatmap(color="rms"),
        ),
    ),
)
