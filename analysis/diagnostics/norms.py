"""Norms and ranks: how large a weight is, and over how many directions it spreads."""

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from analysis.diagnostic import (
    Column,
    Diagnostic,
    Finding,
    Measurement,
    Options,
    Scalar,
    Scope,
    Severity,
    Summary,
    Table,
)
from analysis.diagnostics.options import CONV_NORM, conv_factor
from analysis.figure import ByDepth, Figure, Heatmap
from analysis.findings.causes import NOT_FINITE, RANK, UNMEASURED
from analysis.findings.causes import ZERO as CAUSE_ZERO
from analysis.findings.subjects import is_not_finite
from analysis.findings.wording import quantity, short
from analysis.linalg.spectrum import EPS, Spectrum
from analysis.runtime.shapes import Float64
from analysis.statistics.measures import effective_rank, energy_rank, log10, normalised_entropy, participation_ratio
from analysis.weight import Weight

WEAK = 1e-6  # WeightWatcher's tolerance for weak_rank_loss, an absolute eigenvalue
ZERO = "the matrix is zero"

COLUMNS = (
    Column(
        "norm",
        "‖W‖²",
        "Frobenius norm squared: the sum of all eigenvalues λ. Grows with the size of the matrix and with its entries; "
        "WeightWatcher's name for it is norm (Martin and Mahoney 2021).",
        scaled=True,
    ),
    Column(
        "log_norm",
        "log ‖W‖²",
        "Base-10 logarithm of norm. Lower means smaller weights; compare layers of equal shape only.",
        absent=ZERO,
        scaled=True,
    ),
    Column(
        "spectral_norm",
        "λ₁",
        "Largest eigenvalue: the spectral norm squared, as WeightWatcher names it. High means that one direction is "
        "amplified strongly.",
        scaled=True,
    ),
    Column("log_spectral_norm", "log λ₁", "Base-10 logarithm of the largest eigenvalue.", absent=ZERO, scaled=True),
    Column(
        "sv_max",
        "σ₁",
        "Largest singular value: the most that the matrix stretches any input. High means strong amplification; far "
        "above its neighbours of the same role it can make training unstable.",
        shown=True,
        scaled=True,
    ),
    Column(
        "sv_min",
        "σ min",
        "Smallest singular value. Near 0 some direction is lost; see floor for how small is still certain.",
        scaled=True,
    ),
    Column(
        "stable_rank",
        "Stable rank",
        "Sum of the eigenvalues over the largest one, 1 to the rank. Low means that a few directions carry the matrix; "
        "high means that it spreads, as noise does (Rudelson and Vershynin 2007). A convolution has the eigenvalues of "
        "all its kernel positions, so that this may exceed both of its sides.",
        absent=ZERO,
        shown=True,
    ),
    Column(
        "participation_ratio",
        "Participation ratio",
        "(Σλ)² / Σλ², 1 to the rank: how many eigenvalues take part. Low means concentrated, high means spread.",
        absent=ZERO,
    ),
    Column(
        "erank_lam",
        "Effective rank of λ",
        "exp of the entropy of the shares λ/Σλ, 1 to the rank. Low means concentrated, high means spread.",
        absent=ZERO,
    ),
    Column(
        "erank_s",
        "Effective rank",
        "exp of the entropy of the shares σ/Σσ, 1 to the rank (Roy and Vetterli 2007). Low means that the matrix could "
        "be stored with fewer numbers; high means that all directions count.",
        absent=ZERO,
        source="Roy and Vetterli, EUSIPCO 2007",
    ),
    Column(
        "matrix_rank",
        "Rank",
        "Singular values above σ₁ · max(m, n) · 2.2e-16, as numpy.linalg.matrix_rank counts them; those of all slices "
        "of a convolution. Below the smaller side the matrix is exactly degenerate.",
        kind="integer",
        usual_words="The smaller side, times the slices of a convolution.",
    ),
    Column(
        "rank_loss",
        "Rank loss",
        "Singular values that the rank leaves out. 0 is usual; more means dead or dependent rows or columns.",
        kind="integer",
        usual=(0.0, 0.0),
    ),
    Column(
        "weak_rank_loss",
        "Weak rank loss",
        "Eigenvalues below 1e-6, an absolute bound kept for comparison with WeightWatcher. High where weights are "
        "small, whatever their rank.",
        kind="integer",
        scaled=True,
        source="WeightWatcher 0.7.7 (docs/weightwatcher.md)",
    ),
    Column(
        "rank_90",
        "Rank for 90 %",
        "Fewest directions that hold 90 % of the sum of the eigenvalues. Low means that a low-rank copy is close.",
        kind="integer",
        absent=ZERO,
        caveat="Small singular values matter, more so after fine-tuning: do not truncate blindly (docs/evidence.md).",
    ),
    Column(
        "rank_99",
        "Rank for 99 %",
        "Fewest directions that hold 99 % of the sum of the eigenvalues. Low means that a low-rank copy is close.",
        kind="integer",
        absent=ZERO,
        caveat="Small singular values matter, more so after fine-tuning: do not truncate blindly (docs/evidence.md).",
    ),
    Column(
        "entropy",
        "Entropy",
        "Entropy of the shares λ/Σλ over the logarithm of the rank, 0 to 1: near 1 all directions count alike, as in "
        "noise; low means structure (WeightWatcher's matrix entropy).",
        absent="the rank is 0 or 1",
    ),
    Column("nuclear_norm", "Σσ", "Sum of the singular values. Grows with size and with spread.", scaled=True),
    Column(
        "num_evals",
        "Eigenvalues",
        "How many eigenvalues: the smaller side, times the slices of a convolution. Few make every estimate weak, many "
        "make it firm.",
        kind="integer",
    ),
    Column(
        "kernel",
        "Kernel",
        "How the singular values were found: gram (eigenvalues of the smaller Gram matrix in float64) or svd (where "
        "the matrix is too close to losing rank for that).",
        kind="text",
    ),
    Column(
        "floor",
        "Floor",
        "Relative to σ₁: singular values below it are rounding. High means that σ min is less certain.",
    ),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    spectrum, factor = weight.spectrum, conv_factor(weight, options)
    rank = matrix_rank(spectrum)
    values = {
        **sizes(spectrum, factor),
        **shares(spectrum.values, rank),
        "matrix_rank": rank,
        "rank_loss": spectrum.values.size - rank,
        "weak_rank_loss": int(np.count_nonzero(spectrum.eigenvalues * factor < WEAK)),
        "num_evals": spectrum.values.size,
        "kernel": spectrum.kernel,
        "floor": spectrum.floor,
    }
    return Measurement(values, note=ZERO if spectrum.largest == 0.0 else None)


def sizes(spectrum: Spectrum, factor: float) -> dict[str, Scalar]:
    """What grows with the weights; `factor` is that on the eigenvalues."""
    norm = spectrum.squared_norm * factor
    largest = spectrum.largest**2 * factor
    root = math.sqrt(factor)
    return {
        "norm": norm,
        "log_norm": log10(norm),
        "spectral_norm": largest,
        "log_spectral_norm": log10(largest),
        "sv_max": spectrum.largest * root,
        "sv_min": float(spectrum.values[0]) * root,
        "nuclear_norm": math.fsum(spectrum.values) * root,
        "stable_rank": norm / largest if largest > 0.0 else None,
    }


def matrix_rank(spectrum: Spectrum) -> int:
    """Singular values above σ₁ max(m, n) ε, numpy.linalg.matrix_rank's tolerance, slice by slice."""
    tolerances = spectrum.slices[:, -1:] * max(spectrum.rows, spectrum.columns) * EPS  # (s, 1)
    return int(np.count_nonzero(spectrum.slices > tolerances))


def shares(values: Float64[np.ndarray, " k"], rank: int) -> dict[str, Scalar]:
    """What hangs on the shares of ascending singular values alone; nothing for a zero matrix."""
    if values[-1] == 0.0:
        return {}
    ratios = values / values[-1]
    eigenvalues = np.square(ratios)
    return {
        "erank_s": effective_rank(ratios),
        "erank_lam": effective_rank(eigenvalues),
        "participation_ratio": participation_ratio(eigenvalues),
        "rank_90": energy_rank(eigenvalues, 0.90),
        "rank_99": energy_rank(eigenvalues, 0.99),
        "entropy": normalised_entropy(eigenvalues, rank),
    }


def summarise(table: Table) -> Summary:
    numbers: dict[str, Scalar] = {
        f"median_{name}": median(table.numbers(name)) if table.numbers(name) else None
        for name in ("stable_rank", "erank_s", "sv_max")
    }
    numbers["measured"] = len(table.numbers("norm"))
    numbers["rank_deficient"] = sum(loss > 0 for loss in table.numbers("rank_loss"))
    pooled = any(row.weight.slices > 1 for row in table.rows)
    return Summary(_headline(numbers, pooled), numbers, tuple(_findings(table)))


def _headline(numbers: dict[str, Scalar], pooled: bool) -> str:
    count, loss_count = int(numbers["measured"] or 0), int(numbers["rank_deficient"] or 0)
    if not count:
        return "No matrix could be measured."
    one = count == 1
    ranks = f"{'It has' if one else 'All have'} full rank in float64."
    if loss_count:
        ranks = "It loses rank." if one else f"{loss_count} of them {'loses' if loss_count == 1 else 'lose'} rank."
    return f"{quantity(count, 'matrix', 'matrices')} measured. {ranks}{_middle(numbers, count, pooled)}"


def _middle(numbers: dict[str, Scalar], measured: int, pooled: bool) -> str:
    """The median of the stable ranks, in words that hold with ties as well; of one `pooled` over kernel positions."""
    if numbers["median_stable_rank"] is None:
        return ""
    rank = short(float(numbers["median_stable_rank"]))
    if measured == 1:
        return f" Its stable rank{' over all kernel positions' if pooled else ''} is {rank}."
    return f" At least half have a stable rank of {rank} or more."


def _findings(table: Table) -> list[Finding]:
    findings = []
    for row in table.rows:
        name, label, note = row.weight.name, row.weight.label, row.measurement.note
        loss, rank = row.value("rank_loss"), row.value("matrix_rank")
        if row.value("norm") is None:
            bad, cause = (Severity.BAD, NOT_FINITE) if is_not_finite(row) else (Severity.NOTE, UNMEASURED)
            findings.append(Finding(bad, f"{label} could not be measured", note or "No value.", (name,), {}, cause))
        elif row.value("sv_max") == 0.0:
            why = "Nothing passes through it."
            findings.append(Finding(Severity.BAD, f"{label} is all zeros", why, (name,), {}, CAUSE_ZERO))
        elif isinstance(loss, int) and loss > 0:
            why = f"{rank} of {row.value('num_evals')} directions are left: some of its rows or columns are dependent."
            evidence = {"matrix_rank": rank, "rank_loss": loss}
            findings.append(Finding(Severity.NOTE, f"{label} loses rank", why, (name,), evidence, RANK))
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))


NORMS = Diagnostic(
    name="norms",
    title="Norms and ranks",
    scope=Scope.ONE,
    default=True,
    reference="Martin and Mahoney, JMLR 22, 2021, sections 2 and 3; Roy and Vetterli, EUSIPCO 2007",
    description="How large each weight is, and over how many directions it spreads.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    options=(CONV_NORM,),
    figures=(
        Figure(
            "stable-rank-by-depth",
            "Stable rank by depth",
            "Each line is one role. Low: a few directions carry the matrix. High: it spreads over many, as noise does.",
            ByDepth(y="stable_rank"),
        ),
        Figure(
            "stable-rank-by-role",
            "Stable rank by block and role",
            "Each cell is one matrix: the sum of its eigenvalues over the largest.",
            Heatmap(color="stable_rank"),
        ),
    ),
    caveat="Metrics of scale change their signs between and within architectures: compare only within one depth, "
    "width and recipe (docs/evidence.md).",
)
