"""What the entries of each weight tell: dead rows, zeros, grids, copies, outliers, and whether they are as random.

One pass over the values, and the spectrum that other diagnostics share. No source has these in one place; each column
names its own.
"""

import math
from collections.abc import Sequence

import numpy as np

from analysis.cached import once
from analysis.diagnostic import Curve, Diagnostic, Measurement, Options, Scalar, Scope
from analysis.diagnostics.entries import copies, evenness, extremes, grid, lines, noise, precision
from analysis.diagnostics.entries.columns import COLUMNS
from analysis.diagnostics.entries.cosines import Resemblance
from analysis.diagnostics.entries.rank import stored_rank
from analysis.diagnostics.entries.samples import Samples, exact
from analysis.diagnostics.entries.summary import summarise
from analysis.figure import ByDepth, Figure, Heatmap
from analysis.runtime.arrays import dtype_name
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
    looked = Looked(weight)
    return Measurement(values | sizes(looked) | repeats(looked) | against_noise(looked) | apart(looked), curves)


class Looked:
    """A finite weight that is not zero, with what several columns come from, each found once."""

    def __init__(self, weight: Weight) -> None:
        self.slices, self.spectrum = weight.array, weight.spectrum
        self.unit = math.ldexp(1.0, math.frexp(self.spectrum.largest)[1])

    @once
    def sums(self) -> lines.Sums:
        return lines.sums(self.slices, self.unit)

    @once
    def storage_type(self) -> str:
        return precision.stored_type(self.slices)

    @property
    def roundoff(self) -> float:
        return precision.ROUNDOFF[self.storage_type]

    @once
    def by_outputs(self) -> Resemblance:
        known = self.spectrum.products if self.spectrum.rows < self.spectrum.columns else None
        return Resemblance(in_file_order(self.slices), self.sums.row_sums, self.unit, known)

    @once
    def by_inputs(self) -> Resemblance:
        known = self.spectrum.products if self.spectrum.rows >= self.spectrum.columns else None
        return Resemblance(by_inputs(self.slices), self.sums.column_sums, self.unit, known)

    def likeness(self) -> float:
        """How much more, or less, rows, columns and kernel positions resemble each other than independent ones do."""
        positions = [Resemblance(self.slices.reshape(len(self.slices), -1))] if len(self.slices) > 1 else []
        return max(one.likeness() for one in (self.by_outputs, self.by_inputs, *positions))


def sizes(looked: Looked) -> dict[str, Scalar]:
    """Scale, shape and largest entry."""
    count, added, spectrum = looked.slices.size, looked.sums, looked.spectrum
    rms = math.sqrt(added.squares / count)
    peak, row, column = added.largest
    return {
        "rms": rms * looked.unit,
        "kurtosis": noise.peakedness(added, count),
        "largest": peak / rms,
        "largest_row": row,
        "largest_column": column,
        "isolation": lines.isolation(looked.slices, row, column),
        "stored_as": looked.storage_type,
        "rank": stored_rank(spectrum, rms * looked.unit, looked.roundoff),
        "num_evals": spectrum.values.size,
        "condition": _condition(spectrum.values),
    }


def repeats(looked: Looked) -> dict[str, Scalar]:
    """What repeats: zeros, equal rows and columns, levels and grids."""
    matrix, added = in_file_order(looked.slices), looked.sums
    samples = Samples(matrix)
    value_grid = grid.grid_of(samples, looked.roundoff)
    values: dict[str, Scalar] = {
        "zero_rows": int((added.rows == 0.0).sum()),
        "zero_columns": int((added.columns == 0.0).sum()),
        "equal_rows": lines.equal(matrix),
        "equal_columns": lines.equal(by_inputs(looked.slices)),
        "row_cosine": looked.by_outputs.cosine(),
        "zeros": added.zeros / looked.slices.size,
        "commonest": samples.all_rows.commonest,
        "levels": int(samples.all_rows.levels[0]),
        "levels_row": float(samples.rows.levels.mean()),
        "grid": value_grid.of if value_grid else "",
        "grid_steps": value_grid.steps if value_grid else None,
        "excess_zeros": grid.has_excess_zeros(samples, value_grid) if value_grid and value_grid.is_even else None,
        "at_limit": extremes.at_limit(samples.rows.values),
    }
    for size, groups in samples.blocks.items():
        values[f"levels_{size}"] = float(groups.levels.mean()) if len(groups) else None
    return values


def against_noise(looked: Looked) -> dict[str, Scalar]:
    """How far the weight is from independent entries, and the state that this says it is in."""
    slices = looked.slices
    comparison = noise.compare(looked.spectrum, looked.sums, looked.unit, looked.likeness())
    shape = evenness.evenness(slices, looked.spectrum)
    sample = exact(slices.reshape(-1)[:: max(1, slices.size // SAMPLED)])
    values: dict[str, Scalar] = {"entries_law": noise.law_of(sample), "state": shape}
    if comparison is None:
        return values
    beside = extremes.neighbours(slices) if comparison.random else 0.0
    state = shape or ("random" if comparison.random and beside <= noise.CHANCE else "")
    return values | {
        "num_above_random": comparison.above,
        "random_edge": comparison.edge,
        "random_D": comparison.distance,
        "line_spread": max(comparison.lines, beside),
        "state": state,
    }


def apart(looked: Looked) -> dict[str, Scalar]:
    """What stands apart within the weight: a line, and a few directions."""
    rms = math.sqrt(looked.sums.squares / looked.slices.size) * looked.unit
    line = extremes.longest_line(looked.sums.rows, looked.sums.columns)
    gap = extremes.widest_gap(looked.spectrum, rms, looked.roundoff)
    return {
        "line": line.place if line else "",
        "line_excess": line.excess if line else None,
        "gap": gap.ratio if gap else None,
        "gap_after": gap.after if gap else None,
    }


def _condition(values: Float64[np.ndarray, " k"]) -> float | None:
    return float(values.max() / values.min()) if values.min() > 0.0 else None


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
    caveat="Weights that were pruned, quantised or left untrained by design look the same as faulty ones. How "
    "often the findings are right was measured (docs/truth.md).",
)
