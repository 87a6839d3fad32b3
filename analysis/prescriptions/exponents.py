"""The exponents that rules map to a choice, each under the name of its estimator, and whether their spread is real.

They are different numbers and no estimates of one: on 36 matrices of MiniLM-L6 their ranks correlate between -0.02 and
0.81. So a rule says which it used.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy.special import chdtri

from analysis.diagnostic import Option, Row, Scalar
from analysis.errors import IncompleteReport, UnmeasuredLayer, escape
from analysis.findings.wording import quantity
from analysis.prescriptions.members import Members
from analysis.weight import WeightInfo

ESTIMATORS: Mapping[str, tuple[str, Mapping[str, Scalar], str]] = {  # diagnostic, options, column
    "alpha_peak": ("esd", {"fix_fingers": "xmin_peak_coded"}, "alpha"),
    "alpha_ks": ("esd", {}, "alpha"),
    "alpha_hill_median": ("esd", {}, "alpha_hill"),
    "alpha_hill_top10": ("esd", {}, ""),
    "farms": ("farms", {}, "alpha_farms"),
}
LEAST = 10  # eigenvalues of the textbook's Hill estimator
TOP = 0.1  # its share of the eigenvalues
LEVEL = 0.05  # of the test for a spread above the error


def estimator_option(default: str) -> Option:
    """The option that says which exponent a rule uses."""
    return Option(
        "estimator",
        default,
        "Which exponent. alpha_peak: the start of the tail near the densest place, as published code has it. alpha_ks: "
        "the start with the least KS distance. alpha_hill_median: Hill's from the median. alpha_hill_top10: Hill's "
        "on the largest tenth. farms: Hill's on pooled square windows.",
        choices=tuple(ESTIMATORS),
    )


@dataclass(frozen=True, slots=True)
class Exponent:
    """α of one tensor, of several matrices in it their mean, with its standard error and its number of parameters."""

    tensor: str
    info: WeightInfo  # of its first matrix
    alpha: float
    error: float
    parameters: int
    eigenvalues: int  # of its smallest matrix


def exponents(members: Members, estimator: str, rows: Sequence[Row] | None = None) -> list[Exponent]:
    """One for each tensor of these rows, or of all. Raises UnmeasuredLayer where a matrix has no exponent."""
    all_rows = rows_of(members, estimator) if rows is None else rows
    return [_joint(list(group), estimator) for _, group in groupby(all_rows, key=lambda row: row.weight.tensor)]


def rows_of(members: Members, estimator: str) -> Sequence[Row]:
    """The rows that have this exponent."""
    diagnostic, options, _ = ESTIMATORS[estimator]
    return members.rows(diagnostic, options)


def _joint(rows: Sequence[Row], estimator: str) -> Exponent:
    estimates = [_of_row(row, estimator) for row in rows]
    error = math.sqrt(sum(error**2 for _, error in estimates)) / len(estimates)
    alpha = sum(alpha for alpha, _ in estimates) / len(estimates)
    infos = [row.weight for row in rows]
    return Exponent(
        infos[0].tensor, infos[0], alpha, error, sum(i.rows * i.columns * i.slices for i in infos),
        min(min(i.rows, i.columns) for i in infos),
    )  # fmt: skip


def _of_row(row: Row, estimator: str) -> tuple[float, float]:
    """α and its standard error (α - 1) / √n, where the fit does not say it itself."""
    column = ESTIMATORS[estimator][2]
    count = min(row.weight.rows, row.weight.columns)
    alpha = row.value(column) if column else top_tenth(row)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float):
        raise UnmeasuredLayer(f"{escape(row.weight.name)} has no {estimator}: {row.measurement.note or 'no tail fits'}")
    sigma = row.value("sigma") if column == "alpha" else None
    tail_count = max(LEAST, int(TOP * count)) if not column else count - count // 2
    return float(alpha), float(sigma) if isinstance(sigma, int | float) else (float(alpha) - 1.0) / math.sqrt(
        tail_count
    )


def top_tenth(row: Row) -> float | None:
    """1 + k / Σ ln(λ_i / λ_{k+1}) over the k largest eigenvalues, a tenth of them or ten, the threshold not counted."""
    curve = row.measurement.curves.get("eigenvalues")
    if curve is None and row.value("num_evals") is not None:
        raise IncompleteReport(
            "a report does not keep the eigenvalues that alpha_hill_top10 needs: give the checkpoint"
        )
    if curve is None:
        return None
    values = np.sort(np.asarray(curve, np.float64))[::-1]
    k = max(LEAST, int(TOP * len(values)))
    if k >= len(values) or values[k] <= 0.0:
        return None
    total = float(np.log(values[:k] / values[k]).sum())
    return 1.0 + k / total if total > 0.0 else None


def why_not_apart(alphas: Sequence[float], errors: Sequence[float]) -> str | None:
    """Why the exponents do not differ by more than their errors; None where they do.

    Cochran's Q: Σ (α - ᾱ)² / e² with ᾱ weighted by 1 / e², against χ² with one degree less than there are, at 5 %.
    """
    values, weights = np.array(alphas), 1.0 / np.square(np.maximum(errors, 1e-12))
    if len(values) < 2:
        return "only one exponent was measured, so that nothing differs."
    mean = float((values * weights).sum() / weights.sum())
    q, limit = float((np.square(values - mean) * weights).sum()), float(chdtri(len(values) - 1, LEVEL))
    if q > limit:
        return None
    return (
        f"the spread of {quantity(len(values), 'exponent')} is no larger than their standard errors make it "
        f"(Q = {q:.3g}, and above {limit:.3g} it would be real at 5 %)."
    )
