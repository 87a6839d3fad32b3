"""Whether a weight can be told from independent entries, as a random initialisation has them: the cheap form.

The edge of noise comes from the variance of the entries, of each kernel position by itself, since positions of a
trained convolution differ in size and a pooled variance would call the larger ones structure. A weight is as random
where nothing stands above that edge, its eigenvalues follow the law of Marchenko and Pastur, and its rows, columns and
kernel positions differ in size and in mean, and resemble each other, no more than chance lets them. Training leaves at
least one of these.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.diagnostics.entries.lines import Sums, drift, spread
from analysis.linalg.spectrum import Spectrum
from analysis.runtime.shapes import Float, Float64
from analysis.statistics import marchenko_pastur
from analysis.statistics.marchenko_pastur import Law

FEWEST = 16  # eigenvalues of a slice below which nothing is said
ENTRIES = 1024  # entries below which the tests have no power
CHANCE = 4.0  # standard errors that chance gives one of the tests of lines once in 30,000
# distance to the law that random matrices keep below: (GAP / √slices + GAPS) / smaller side. Largest of 60 each, normal
# and uniform, one slice of 16 to 384 and 3 to 49 of 16 to 384: 3.6 / √slices for few slices, 0.36 more for many
GAP, GAPS = 3.6, 0.5
KOLMOGOROV = 1.63  # 1 % of his law: √p times the gap of p values from the law that they were drawn from
POINTS = (-0.5, 0.5, -1.0, 1.0, -1.5, 1.5, 2.5, -2.5)  # standard deviations, up to which shares are counted first
SHIFT = 0.6  # of a mean over the edge: from about 0.75 on it makes an eigenvalue above by itself


Shares = Callable[[Float64[np.ndarray, " p"]], Float64[np.ndarray, " p"]]  # of a law, up to each of some points


@dataclass(frozen=True, slots=True)
class Noise:
    """A weight against independent entries of its variance."""

    above: int  # eigenvalues above the cut, of all slices
    edge: float  # upper edge of the law, the largest of the slices
    distance: float  # of the eigenvalues up to the cut, each over the variance of its slice, and the law
    lines: float  # the largest of the tests of rows, columns and slices, in standard errors
    random: bool


def compare(spectrum: Spectrum, sums: Sums, unit: float, likeness: float = 0.0) -> Noise | None:
    """None where the entries are all equal or too few. `unit` is what the sums' entries were divided by.

    `likeness` of the lines, in standard errors, is one of the tests.
    """
    count = spectrum.rows * spectrum.columns
    means, squares = sums.slices[:, 0] / count, sums.slices[:, 1] / count
    variances = squares - means**2
    has_spread = variances > 1e-12 * max(squares.max(), 0.0)
    if not has_spread.any() or spectrum.rows * spectrum.columns < 2:
        return None
    law = _law(spectrum, sums)
    values = np.sort((np.square(spectrum.slices[has_spread] / unit) / variances[has_spread, None]).ravel())
    bulk = values[: int(np.searchsorted(values, law.cut, side="right"))]
    distance = marchenko_pastur.distance(_nonzero(bulk, law, int(has_spread.sum())), law)
    lines = max(likeness, *_tests(sums, spectrum))
    num_above = len(values) - len(bulk)
    enough = (
        min(spectrum.rows, spectrum.columns) >= FEWEST and sums.squares > 0.0 and len(values) * law.large >= ENTRIES
    )
    fits = distance <= (GAP / math.sqrt(len(has_spread)) + GAPS) / min(spectrum.rows, spectrum.columns)
    shifts = np.abs(means) / np.sqrt(np.where(has_spread, variances, np.inf)) * math.sqrt(count)
    num_shifted = int((shifts > SHIFT * (math.sqrt(spectrum.rows) + math.sqrt(spectrum.columns))).sum())
    random = bool(enough and num_above <= num_shifted and fits and lines <= CHANCE and has_spread.all())
    edge = float(law.edges[1] * variances.max()) * unit * unit
    return Noise(num_above, edge, distance, lines, random)


def _law(spectrum: Spectrum, sums: Sums) -> Law:
    """Of entries with variance 1, without the rows and columns that are zero."""
    rows, columns = int(np.count_nonzero(sums.rows)), int(np.count_nonzero(sums.columns))
    share = rows * columns / (spectrum.rows * spectrum.columns)
    return Law(min(rows, columns), max(rows, columns), 1.0 / share)


def _nonzero(values: Float64[np.ndarray, " k"], law: Law, slices: int) -> Float64[np.ndarray, " p"]:
    """Without the zeros that zero rows and columns bring: as many as the law's smaller side lacks."""
    return values[max(0, len(values) - int(law.small) * slices) :]


def _tests(sums: Sums, spectrum: Spectrum) -> list[float]:
    """How much more the lines differ than those of independent entries do, in standard errors."""
    rows, columns = sums.rows > 0.0, sums.columns > 0.0
    slices = len(sums.slices)
    entry_count = int(rows.sum()) * int(columns.sum()) * slices
    variance, fourth = sums.squares / entry_count, sums.fourths / entry_count
    row_size, column_size = int(columns.sum()) * slices, int(rows.sum()) * slices
    return [
        spread(sums.rows[rows], row_size, variance, fourth),
        spread(sums.columns[columns], column_size, variance, fourth),
        drift(sums.row_sums[rows], row_size, variance),
        drift(sums.column_sums[columns], column_size, variance),
        spread(sums.slices[:, 1], entry_count // slices, variance, fourth),
    ]


def peakedness(sums: Sums, count: int) -> float | None:
    """The kurtosis of the entries about their mean: 3 of a normal law, 1.8 of a uniform one; None where all agree."""
    mean, square = float(sums.slices[:, 0].sum()) / count, sums.squares / count
    variance = square - mean * mean
    if variance <= 1e-12 * square:
        return None
    fourth = sums.fourths / count - 4.0 * mean * sums.cubes / count + 6.0 * mean**2 * square - 3.0 * mean**4
    return fourth / variance**2


def law_of(values: Float[np.ndarray, " p"]) -> str:
    """The law about 0 that the values, a sample, could be drawn from: "normal", "uniform", or "" for neither."""
    squares = values.astype(np.float64)
    np.square(squares, out=squares)
    limit, spread_of = max(float(values.max()), -float(values.min())), math.sqrt(float(squares.mean()))
    if len(values) < 256 or spread_of == 0.0:
        return ""
    laws: dict[str, Shares] = {
        "uniform": lambda points: (points / limit + 1.0) / 2.0,
        "normal": lambda points: normal(points / spread_of),
    }
    possible = {name: law for name, law in laws.items() if not _is_other(values, law, spread_of)}
    if not possible:
        return ""
    sorted_values = np.sort(values).astype(np.float64)
    return next((name for name, law in possible.items() if _gap(sorted_values, law) < KOLMOGOROV), "")


def normal(points: Float64[np.ndarray, " p"]) -> Float64[np.ndarray, " p"]:
    """The normal distribution: as scipy.special.ndtr, which takes longer to import than these are to compute."""
    halves = map(math.erfc, (points * -math.sqrt(0.5)).tolist())
    return np.fromiter(halves, np.float64, len(points)) / 2.0


def _is_other(values: Float[np.ndarray, " p"], law: Shares, spread_of: float) -> bool:
    """Whether the shares of values up to some points alone, each a lower bound on the gap, tell them from the law."""
    points = (spread_of * np.array(POINTS)).astype(values.dtype)
    expected = np.clip(law(points.astype(np.float64)), 0.0, 1.0)
    limit = KOLMOGOROV * (1.0 + 1e-9) * math.sqrt(len(values))
    return any(
        abs(np.count_nonzero(values <= point) - share * len(values)) > limit
        for point, share in zip(points, expected.tolist(), strict=True)
    )


def _gap(sorted_values: Float64[np.ndarray, " p"], law: Shares) -> float:
    """√p times the largest gap between the shares of the values and of the law: Kolmogorov's statistic."""
    size, shares = len(sorted_values), law(sorted_values)
    steps = np.arange(1, size + 1) / size
    return max(float((steps - shares).max()), float((shares - steps).max()) + 1.0 / size) * math.sqrt(size)
